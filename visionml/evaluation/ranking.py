"""Area under the ROC curve, one class against the rest; pure NumPy.

The area is the share of pairs of an image of the class and another image of which the first has
the larger probability, ties counting half. An image's part in it, its placement value (DeLong et
al. 1988), makes the bootstrap a matrix product: the area of a resample is linearised around the
area itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.evaluation.bootstrap import Range, effective, resampled_sums, share_interval
from visionml.evaluation.figures import Numbers, Values


@dataclass(frozen=True)
class Areas:
    """The areas of the classes that can be measured, by class number, each with its interval."""

    classes: dict[int, float]
    intervals: dict[int, Range]
    macro: float | None
    macro_interval: Range | None


def areas(truth: Numbers, probabilities: Values, *, rng: np.random.Generator) -> Areas:
    """Return the area of each class of which there are images, and images of others too."""
    classes = probabilities.shape[1]
    counts = np.bincount(truth, minlength=classes)
    measured = [k for k in range(classes) if 0 < counts[k] < len(truth)]
    if not measured:
        return Areas({}, {}, None, None)
    found = [area(truth == k, probabilities[:, k]) for k in measured]
    values = np.array([value for value, _ in found])
    samples = values + resampled_sums(np.stack([p for _, p in found], 1), truth, rng=rng)
    rarer = np.minimum(counts[measured], len(truth) - counts[measured])
    intervals = [
        share_interval(samples[:, i], value=value, trials=float(rarer[i]))
        for i, value in enumerate(values)
    ]
    macro = float(values.mean())
    return Areas(
        classes=dict(zip(measured, values.tolist(), strict=True)),
        intervals=dict(zip(measured, intervals, strict=True)),
        macro=macro,
        macro_interval=share_interval(samples.mean(axis=1), value=macro, trials=effective(rarer)),
    )


def area(positive: NDArray[np.bool_], scores: Values) -> tuple[float, Values]:
    """Return the area, and each image's part: what drawing it once more adds to the area."""
    _, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, weights=positive)
    zeros = np.bincount(place, weights=~positive)
    below, above = zeros.cumsum() - zeros / 2, ones.sum() - ones.cumsum() + ones / 2
    placement = np.where(positive, below[place] / zeros.sum(), above[place] / ones.sum())
    value = float(placement[positive].mean())
    return value, (placement - value) / np.where(positive, ones.sum(), zeros.sum())
