"""Does a confidence of 0.9 mean nine right out of ten? Pure NumPy.

The expected calibration error is the mean gap between confidence and accuracy over bins of equal
numbers of images (Nguyen and O'Connor 2015), which is less biased than bins of equal width
(Roelofs et al. 2022). It looks at the predicted class alone.
"""

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import Calibration, ReliabilityBin
from visionml.evaluation.bootstrap import Range, centred_interval, resampled_sums, share_interval
from visionml.evaluation.figures import Numbers, Values

BINS = 15
IMAGES_PER_BIN = 20
"""The fewest that a bin should hold: with less its gap is mostly noise."""


def calibration(
    confidence: Values, right: NDArray[np.bool_], truth: Numbers, *, rng: np.random.Generator
) -> tuple[Calibration, Range]:
    """Return the calibration with its reliability bins, and the interval of its error."""
    member = bins(confidence)
    promised = member * confidence[:, None]
    kept = member * right[:, None]
    sums = resampled_sums(np.hstack([member, promised, kept]), truth, rng=rng)
    sizes, promises, keeps = np.split(sums, 3, axis=1)
    size, promise, keep = member.sum(axis=0), promised.sum(axis=0), kept.sum(axis=0)
    error = float(np.abs(promise - keep).sum() / len(confidence))
    made = []
    for index, images in enumerate(size):
        accuracy = float(keep[index] / images)
        samples = keeps[:, index] / np.maximum(sizes[:, index], 1)
        low, high = share_interval(samples, value=accuracy, trials=images)
        made.append(
            ReliabilityBin(
                confidence=float(promise[index] / images),
                accuracy=accuracy,
                low=low,
                high=high,
                images=int(images),
            )
        )
    errors = np.abs(promises - keeps).sum(axis=1) / len(confidence)
    return Calibration(ece=error, bins=made), centred_interval(errors, value=error)


def bins(confidence: Values) -> Values:
    """Return the membership (images, bins) of each image in a bin, 0 or 1; no bin is empty.

    Equal confidences stay together, so that bins are of unequal size where there are many.
    """
    number = max(1, min(BINS, len(confidence) // IMAGES_PER_BIN))
    edges = np.quantile(confidence, np.arange(1, number) / number)
    place = np.searchsorted(edges, confidence)
    member = np.eye(number)[place]
    result: Values = member[:, member.any(axis=0)]
    return result
