"""Two shares, such as accuracies or error rates: their intervals, the test, the sample size."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats
from scipy.special import betainc, betaincinv

from visionml.errors import InvalidInput

LEVEL = 0.95
SIGNIFICANCE = 0.05
POWER = 0.8
_FEWEST_EXPECTED = 5


class Trials(NamedTuple):
    """How often something was tried, and how often it succeeded."""

    successes: int
    trials: int

    @property
    def share(self) -> float:
        """Successes of trials; NaN without any."""
        return self.successes / self.trials if self.trials else math.nan


class Tested(NamedTuple):
    """How likely two shares differ that much by chance, both ways."""

    p_value: float
    method: Literal["z", "exact"]


def wilson(seen: Trials, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); (0, 1) without trials.

    It keeps its promise with few trials and near 0 and 1, where the textbook's interval does not
    (Brown, Cai and DasGupta 2001).
    """
    if not seen.trials:
        return 0.0, 1.0
    z, n, share = _z(1 - level), seen.trials, seen.share
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(a: Trials, b: Trials, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of `b`'s share less `a`'s (Newcombe 1998, method 10)."""
    if not (a.trials and b.trials):
        return -1.0, 1.0
    (a_low, a_high), (b_low, b_high) = wilson(a, level=level), wilson(b, level=level)
    seen = b.share - a.share
    return (
        max(-1.0, seen - math.hypot(b.share - b_low, a_high - a.share)),
        min(1.0, seen + math.hypot(b_high - b.share, a.share - a_low)),
    )


def compare(a: Trials, b: Trials) -> Tested:
    """Test whether two shares are equal.

    The pooled two-proportion z-test (Fleiss, Levin and Paik 2003, chapter 3), or where fewer than
    5 successes or failures are to be expected on a side, Fisher's exact test.
    """
    trials, successes = a.trials + b.trials, a.successes + b.successes
    fewest = min(a.trials, b.trials) * min(successes, trials - successes) / max(1, trials)
    if fewest < _FEWEST_EXPECTED:
        table = [[side.successes, side.trials - side.successes] for side in (a, b)]
        return Tested(float(stats.fisher_exact(table).pvalue), "exact")
    pooled = successes / trials
    spread = math.sqrt(pooled * (1 - pooled) * (1 / a.trials + 1 / b.trials))
    return Tested(math.erfc(abs(b.share - a.share) / spread / math.sqrt(2)), "z")


def posterior(seen: Trials) -> tuple[float, float]:
    """Return the parameters of the Beta distribution of a share after a uniform prior."""
    return 1.0 + seen.successes, 1.0 + seen.trials - seen.successes


def best(arms: Sequence[Trials], *, points: int = 4000) -> tuple[float, ...]:
    """Return for each arm how probable it is that its share is the largest.

    Shares have uniform priors, so that their posteriors are Beta distributions (Gelman et al.
    2013, chapter 2). The integral of one's density times the others' distributions is taken at
    `points` of the one that are equally probable.
    """
    at = (np.arange(points) + 0.5) / points
    parameters = [posterior(arm) for arm in arms]
    found = []
    for mine, (alpha, beta) in enumerate(parameters):
        shares = betaincinv(alpha, beta, at)
        below = [betainc(*each, shares) for other, each in enumerate(parameters) if other != mine]
        found.append(float(np.mean(np.prod(below, axis=0))) if below else 1.0)
    return tuple(each / sum(found) for each in found)


def sample_size(
    a: float,
    b: float,
    *,
    ratio: float = 1.0,
    power: float = POWER,
    significance: float = SIGNIFICANCE,
) -> tuple[int, int]:
    """Return how many trials each side needs to tell the share `b` from `a`.

    `ratio` is `b`'s trials for one of `a`'s. For the two-sided z-test, without a correction for
    continuity (Fleiss, Levin and Paik 2003, section 4.2).

    Raises
    ------
    InvalidInput
        The shares are equal, or a number is out of its range.
    """
    if not (0 <= a <= 1 and 0 <= b <= 1) or a == b or ratio <= 0:
        raise InvalidInput(
            f"No number of trials tells {b:g} from {a:g}.", hint="Give two shares that differ."
        )
    pooled = (a + ratio * b) / (1 + ratio)
    by_chance = _z(significance) * math.sqrt((1 + 1 / ratio) * pooled * (1 - pooled))
    by_effect = float(stats.norm.ppf(power)) * math.sqrt(a * (1 - a) + b * (1 - b) / ratio)
    needed = ((by_chance + by_effect) / (b - a)) ** 2
    return math.ceil(needed), math.ceil(ratio * needed)


def _z(tails: float) -> float:
    return float(stats.norm.ppf(1 - tails / 2))
