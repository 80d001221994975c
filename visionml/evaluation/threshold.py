"""When to abstain: a confidence below which an image is left to a person. Pure NumPy.

The threshold is chosen on validation and only reported on the holdout, which therefore says what
it will do to images that had no part in choosing it (Geifman and El-Yaniv 2017).
"""

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import AtThreshold, CurvePoint, Threshold
from visionml.evaluation.bootstrap import resampled_sums, share_interval
from visionml.evaluation.figures import Numbers, Values

_CURVE_POINTS = 50


def choose(confidence: Values, right: NDArray[np.bool_], *, target: float) -> Threshold:
    """Return the lowest threshold at which the answered images reach the `target` accuracy.

    Where none does, it is the one at which they come nearest, the lowest of several.
    """
    values, answered, accuracy = curve(confidence, right)
    reached = np.flatnonzero(accuracy >= target)
    # the curve starts at the lowest threshold, so the first of equals answers the most images
    at = int(reached[0]) if len(reached) else int(accuracy.argmax())
    return Threshold(
        value=float(values[at]) if at else 0.0,
        target_accuracy=target,
        reached=bool(len(reached)),
        coverage=float(answered[at] / len(confidence)),
        accuracy=float(accuracy[at]),
        images=len(confidence),
    )


def apply(
    threshold: float,
    confidence: Values,
    right: NDArray[np.bool_],
    truth: Numbers,
    *,
    rng: np.random.Generator,
) -> AtThreshold:
    """Return what a threshold does on other images than those it was chosen on."""
    answered = confidence >= threshold
    number = int(answered.sum())
    columns = np.stack([answered, answered & right], axis=1)
    sums = resampled_sums(columns, truth, rng=rng)
    coverage = float(answered.mean())
    shares = {"coverage": (sums[:, 0] / len(answered), coverage, len(answered))}
    accuracy = float(right[answered].mean()) if number else None
    if accuracy is not None:
        shares["accuracy"] = (sums[:, 1] / np.maximum(sums[:, 0], 1), accuracy, number)
    return AtThreshold(
        coverage=coverage,
        accuracy=accuracy,
        answered=number,
        intervals={
            name: share_interval(samples, value=value, trials=trials)
            for name, (samples, value, trials) in shares.items()
        },
    )


def curve(confidence: Values, right: NDArray[np.bool_]) -> tuple[Values, Numbers, Values]:
    """Return thresholds, lowest first, with the images answered at each and their accuracy.

    Every distinct confidence is a threshold; an image is answered at its own.
    """
    order = np.argsort(confidence, kind="stable")
    ascending = confidence[order]
    first = np.flatnonzero(np.r_[True, np.diff(ascending) > 0])
    answered = len(ascending) - first
    kept = right[order][::-1].cumsum()[answered - 1]
    return ascending[first], answered.astype(np.int64), kept / answered


def compact(confidence: Values, right: NDArray[np.bool_]) -> list[CurvePoint]:
    """Return at most 50 points of the curve, evenly spread over the images answered."""
    values, answered, accuracy = curve(confidence, right)
    wanted = np.linspace(1, 0, _CURVE_POINTS, endpoint=False) * len(confidence)
    kept = np.unique(np.searchsorted(-answered, -wanted).clip(max=len(values) - 1))
    return [
        CurvePoint(
            threshold=float(values[i]),
            coverage=float(answered[i] / len(confidence)),
            accuracy=float(accuracy[i]),
        )
        for i in kept
    ]
