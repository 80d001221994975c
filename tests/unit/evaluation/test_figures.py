"""Figures of a classifier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from visionml.evaluation.figures import confusion, figures, misread

NAMES = ("a", "b", "c", "d")
numbers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(numbers)
def test_figures_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs, np.int64).T
    counts = confusion(truth, predicted, classes=4)
    found = figures(counts, NAMES)
    assert np.array_equal(counts, confusion_matrix(truth, predicted, labels=range(4)))
    assert found.accuracy == pytest.approx(accuracy_score(truth, predicted))
    per_class = precision_recall_fscore_support(
        truth, predicted, labels=range(4), zero_division=0.0
    )
    for name, precision, recall, f1, images in zip(NAMES, *per_class, strict=True):
        given = found.classes[name]
        assert (given.precision, given.recall, given.f1) == pytest.approx((precision, recall, f1))
        assert given.images == images
    mean = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0.0)
    assert (found.macro_precision, found.macro_recall, found.macro_f1) == pytest.approx(mean[:3])


def test_errors_come_the_most_confident_first() -> None:
    truth = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]], np.float32)
    assert misread(truth, probabilities).tolist() == [1, 3, 0]
