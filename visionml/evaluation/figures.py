"""Figures of a classifier from true and predicted class numbers; pure NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import ClassFigures

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Figures:
    """Accuracy, means over classes, and the figures of each class, in the order of classes."""

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    classes: dict[str, ClassFigures]


def confusion(truth: Numbers, predicted: Numbers, *, classes: int) -> Numbers:
    """Return the (classes, classes) counts; rows are true classes, columns predicted ones."""
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def figures(counts: Numbers, classes: Sequence[str]) -> Figures:
    """Return the figures that follow from a confusion matrix.

    A ratio without a denominator is 0, as in scikit-learn. The means over classes leave out
    those of which there is no image and no prediction.
    """
    hits = counts.diagonal().astype(np.float64)
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)
    precision, recall = _ratio(hits, predicted), _ratio(hits, true)
    f1 = _ratio(2 * hits, true + predicted)
    present = (true + predicted) > 0
    return Figures(
        accuracy=float(hits.sum() / max(1, counts.sum())),
        macro_precision=float(precision[present].mean()),
        macro_recall=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        classes={
            name: ClassFigures(
                precision=float(precision[i]),
                recall=float(recall[i]),
                f1=float(f1[i]),
                images=int(true[i]),
            )
            for i, name in enumerate(classes)
        },
    )


def misread(truth: Numbers, probabilities: NDArray[np.float32]) -> Numbers:
    """Return the indices of wrongly read images, the most confident errors first."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    certainty = probabilities[wrong, predicted[wrong]]
    return wrong[np.argsort(-certainty, kind="stable")].astype(np.int64)


def _ratio(numerator: NDArray[np.float64], denominator: Numbers) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
