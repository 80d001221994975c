"""One variant against another: which is better, how sure that is, how much is still to be seen."""

from dataclasses import dataclass
from typing import Literal

from visionml.experiments.shares import (
    LEVEL,
    POWER,
    SIGNIFICANCE,
    Trials,
    best,
    compare,
    difference,
    sample_size,
)

CAUTION = (
    "These figures hold for one look at a number of labels that was fixed before. Who looks again "
    "and again and stops at the first good p-value is misled far more often than in 1 of 20 cases "
    "(Johari et al. 2017): wait until the labels that are said to be needed are there, then look."
)


@dataclass(frozen=True)
class Arm:
    """What is known of a variant that serves one model version."""

    variant: str
    version: str
    right: Trials
    """Predictions whose true label is known, and those of them that were right."""
    failed: Trials
    """Invocations, and those of them that failed."""


@dataclass(frozen=True)
class Comparison:
    """`b` against `a`; shares between 0 and 1."""

    a: Arm
    b: Arm
    difference: float
    """`b`'s accuracy less `a`'s; NaN while one has no labels."""
    low: float
    high: float
    """The 95 % interval of the difference."""
    p_value: float
    method: Literal["z", "exact"]
    probability_better: float
    """How probable it is that `b`'s accuracy is the higher one."""
    better: str | None
    """The variant that is better beyond chance."""
    unreliable: str | None
    """The variant that fails more often beyond chance."""
    needed: dict[str, int] | None
    """How many more labels each variant needs for the difference seen; None without one."""
    sentence: str
    caution: str = CAUTION


def judge(a: Arm, b: Arm) -> Comparison:
    """Compare the accuracies of two variants, and how often they fail."""
    test = compare(a.right, b.right)
    seen = b.right.share - a.right.share
    low, high = difference(a.right, b.right, level=LEVEL)
    winner = (b if seen > 0 else a).variant if test.p_value < SIGNIFICANCE else None
    failures = compare(a.failed, b.failed)
    worse = b if b.failed.share > a.failed.share else a
    unreliable = worse.variant if failures.p_value < SIGNIFICANCE else None
    needed = _needed(a, b)
    probability = best((a.right, b.right))[1]
    return Comparison(
        a=a,
        b=b,
        difference=seen,
        low=low,
        high=high,
        p_value=test.p_value,
        method=test.method,
        probability_better=probability,
        better=winner,
        unreliable=unreliable,
        needed=needed,
        sentence=" ".join(
            filter(
                None,
                (
                    _verdict(
                        a,
                        b,
                        winner,
                        interval=(low, high),
                        p_value=test.p_value,
                        probability=probability,
                    ),
                    _missing(needed) if winner is None else "",
                    f"{unreliable} fails more often." if unreliable else "",
                ),
            )
        ),
    )


def _needed(a: Arm, b: Arm) -> dict[str, int] | None:
    seen, other = a.right, b.right
    if not (seen.trials and other.trials) or seen.share == other.share:
        return None
    wanted = sample_size(
        seen.share,
        other.share,
        ratio=other.trials / seen.trials,
        power=POWER,
        significance=SIGNIFICANCE,
    )
    return {
        arm.variant: max(0, total - arm.right.trials)
        for arm, total in zip((a, b), wanted, strict=True)
    }


def _verdict(
    a: Arm,
    b: Arm,
    winner: str | None,
    *,
    interval: tuple[float, float],
    p_value: float,
    probability: float,
) -> str:
    if not (a.right.trials and b.right.trials):
        without = ", ".join(arm.variant for arm in (a, b) if not arm.right.trials)
        return f"Nothing can be said yet: no true label is known for {without}."
    low, high = (f"{100 * end:+.1f}" for end in interval)
    seen = 100 * (b.right.share - a.right.share)
    found = (
        f"{b.variant} is right {abs(seen):.1f} points {'more' if seen >= 0 else 'less'} often than "
        f"{a.variant} (95 % interval of the difference {low} "
        f"to {high}, p = {p_value:.2g}); it is the better one with a probability of "
        f"{100 * probability:.1f} %."
    )
    return f"{winner} is better. {found}" if winner else f"Neither is better beyond chance. {found}"


def _missing(needed: dict[str, int] | None) -> str:
    if not needed:
        return ""
    if not any(needed.values()):
        return "There are labels enough to see a difference like this one in 4 of 5 cases."
    labels = ", ".join(f"{count:,} of {variant}" for variant, count in needed.items())
    return f"To see a difference like this one in 4 of 5 cases, more labels are needed: {labels}."
