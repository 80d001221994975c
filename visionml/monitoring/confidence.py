"""How accurate a model is where nobody knows the truth, by what its confidence used to mean.

Confidence is turned into the accuracy that images of that confidence had in the baseline, bin by
bin, and averaged over the window (Guillory et al. 2021 take the mean alone; bins make up for
confidence that promises too much). It stays right when easier or harder images of the same kind
come, and not when the images are of another kind: then confidence may mean something else.
"""

from dataclasses import dataclass

import numpy as np

from visionml.contracts.monitoring import AccuracyEstimate
from visionml.evaluation.calibration import bins
from visionml.monitoring.features import Values
from visionml.monitoring.window import Window

_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Reliability:
    """What confidence meant in the baseline; bins of rising confidence."""

    edges: Values
    """(bins - 1,): the largest confidence of each bin but the last."""
    right: Values
    """(bins,): right answers."""
    answers: Values
    """(bins,)."""


def reliability(window: Window) -> Reliability | None:
    """Return what confidence means, by the answers whose truth is known; None without any."""
    if window.truths is None:
        return None
    known = (window.truths >= 0) & np.isfinite(window.probabilities).all(axis=1)
    if not known.any():
        return None
    best = window.probabilities.max(axis=1)[known].astype(np.float64)
    right = (window.labels == window.truths)[known]
    member = bins(best) > 0
    member = member[:, np.argsort([best[column].mean() for column in member.T])]
    return Reliability(
        edges=np.array([best[column].max() for column in member.T[:-1]]),
        right=(member & right[:, None]).sum(axis=0).astype(np.float64),
        answers=member.sum(axis=0).astype(np.float64),
    )


def estimate(known: Reliability, window: Window, *, trusted: bool) -> AccuracyEstimate | None:
    """Return the accuracy that confidence promises for a window; None for an empty one.

    The bound adds up two variances: that of the window's answers, each of which is right or not,
    and that of each bin's accuracy in the baseline, by its number of answers plus two right and
    two wrong ones (Agresti and Coull 1998), so that a bin without errors promises no certainty.
    """
    best = window.probabilities.max(axis=1)
    best = best[np.isfinite(best)]
    if not len(best):
        return None
    places = np.searchsorted(known.edges, best)
    shares = np.bincount(places, minlength=len(known.right)) / len(best)
    accuracy = known.right / known.answers
    careful = (known.right + 2) / (known.answers + 4)
    spread = careful * (1 - careful)
    found = float(shares @ accuracy)
    variance = float(shares @ spread) / len(best) + float(
        shares**2 @ (spread / (known.answers + 4))
    )
    half = _Z * float(np.sqrt(variance))
    return AccuracyEstimate(
        accuracy=found,
        low=max(0.0, found - half),
        high=min(1.0, found + half),
        reference=float(known.right.sum() / known.answers.sum()),
        trusted=trusted,
    )
