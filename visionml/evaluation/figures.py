"""Figures of a classifier from true and predicted class numbers; pure NumPy.

Everything here works on one confusion matrix or on a stack of resampled ones: the classes are
the last axis.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Figures by name: ``overall`` with shape (...), ``classes`` with shape (..., classes)."""

    overall: dict[str, Values]
    """``accuracy``, ``macro_precision``, ``macro_recall``, ``macro_f1``."""
    classes: dict[str, Values]
    """``precision``, ``recall``, ``f1``."""


def confusion(truth: Numbers, predicted: Numbers, *, classes: int) -> Numbers:
    """Return the (classes, classes) counts; rows are true classes, columns predicted ones."""
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def figures(hits: Numbers, true: Numbers, predicted: Numbers) -> Figures:
    """Return the figures that follow from the counts of each class, each (..., classes).

    A ratio without a denominator is 0, as in scikit-learn. The means over classes leave out
    those of which there is no image and no prediction.
    """
    precision, recall = _ratio(hits, predicted), _ratio(hits, true)
    f1 = _ratio(2 * hits, true + predicted)
    present = (true + predicted) > 0

    def macro(values: Values) -> Values:
        return _ratio((values * present).sum(axis=-1), present.sum(axis=-1))

    return Figures(
        overall={
            "accuracy": _ratio(hits.sum(axis=-1), true.sum(axis=-1)),
            "macro_precision": macro(precision),
            "macro_recall": macro(recall),
            "macro_f1": macro(f1),
        },
        classes={"precision": precision, "recall": recall, "f1": f1},
    )


def of_matrix(counts: Numbers) -> Figures:
    """Return the figures of one (classes, classes) confusion matrix."""
    return figures(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0))


def misread(truth: Numbers, probabilities: Values) -> Numbers:
    """Return the indices of wrongly read images, the most confident errors first."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    certainty = probabilities[wrong, predicted[wrong]]
    return wrong[np.argsort(-certainty, kind="stable")].astype(np.int64)


def _ratio(numerator: Values | Numbers, denominator: Numbers) -> Values:
    result = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
