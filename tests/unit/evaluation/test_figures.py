"""Figures of a classifier."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from visionml.evaluation.figures import confusion, misread, of_matrix

numbers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@settings(max_examples=50)
@given(numbers)
def test_figures_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs, np.int64).T
    counts = confusion(truth, predicted, classes=4)
    found = of_matrix(counts)
    assert np.array_equal(counts, confusion_matrix(truth, predicted, labels=range(4)))
    assert found.overall["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    per_class = precision_recall_fscore_support(
        truth, predicted, labels=range(4), zero_division=0.0
    )
    for name, expected in zip(("precision", "recall", "f1"), per_class[:3], strict=True):
        assert found.classes[name] == pytest.approx(expected)
    mean = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0.0)
    for name, expected in zip(("macro_precision", "macro_recall", "macro_f1"), mean, strict=False):
        assert found.overall[name] == pytest.approx(expected)


def test_errors_come_the_most_confident_first() -> None:
    truth = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    assert misread(truth, probabilities).tolist() == [1, 3, 0]
