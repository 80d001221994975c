"""Is a new model better than the one that serves, or only luckier? Pure NumPy.

Both read the same holdout images, so only those count that one alone reads rightly: McNemar's
test (1947), exact up to 1,000 of them and with Edwards' continuity correction beyond.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import Comparison
from visionml.evaluation.bootstrap import RESAMPLES, Range, interval

SIGNIFICANCE = 0.05
_EXACT_UP_TO = 1000


def compare(
    right: NDArray[np.bool_],
    champion_right: NDArray[np.bool_],
    *,
    champion_version: str,
    rng: np.random.Generator,
    caveat: str = "",
) -> Comparison:
    """Compare two models by which images each of them reads rightly, in the same order.

    A `caveat` ends the comparison's sentence.
    """
    wins = int((right & ~champion_right).sum())
    losses = int((champion_right & ~right).sum())
    p_value, method = mcnemar(wins, losses)
    difference = (wins - losses) / len(right)
    low, high = difference_interval(wins, losses, images=len(right), rng=rng)
    better = difference > 0 and p_value < SIGNIFICANCE
    return Comparison(
        champion_version=champion_version,
        better=better,
        reason=_sentence(champion_version, better, difference, (low, high), p_value) + caveat,
        method=method,
        p_value=p_value,
        difference=difference,
        low=low,
        high=high,
        wins=wins,
        losses=losses,
    )


def incomparable(champion_version: str, why: str) -> Comparison:
    """Return a comparison that could not be made."""
    return Comparison(
        champion_version=champion_version,
        comparable=False,
        reason=f"it cannot be compared with the serving model ({champion_version}): {why}",
    )


def mcnemar(wins: int, losses: int) -> tuple[float, Literal["exact", "continuity"]]:
    """Return the two-sided p-value of as uneven a split of `wins` and `losses` by chance."""
    discordant = wins + losses
    if discordant <= _EXACT_UP_TO:
        tail = sum(math.comb(discordant, k) for k in range(min(wins, losses) + 1))
        return min(1.0, 2 * tail / 2**discordant), "exact"
    statistic = max(0, abs(wins - losses) - 1) ** 2 / discordant
    return math.erfc(math.sqrt(statistic / 2)), "continuity"


def difference_interval(wins: int, losses: int, *, images: int, rng: np.random.Generator) -> Range:
    """Return the paired bootstrap interval of the difference between the accuracies.

    Images are resampled in pairs of answers, so their numbers are multinomial.
    """
    shares = np.array([wins, losses, images - wins - losses]) / images
    drawn = rng.multinomial(images, shares, size=RESAMPLES)
    return interval((drawn[:, 0] - drawn[:, 1]) / images)


def _sentence(champion: str, better: bool, difference: float, found: Range, p_value: float) -> str:
    verdict = "is better than" if better else "is not better beyond noise than"
    return (
        f"it {verdict} {champion}, which serves: its accuracy differs by {100 * difference:+.2f} "
        f"points (95 % interval {100 * found[0]:+.2f} to {100 * found[1]:+.2f}; McNemar's test, "
        f"p = {p_value:.3g})"
    )
