"""Areas under ROC curves."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from visionml.evaluation.bootstrap import generator, interval
from visionml.evaluation.ranking import area, areas

RNG = np.random.default_rng(5)


def probabilities(truth: np.ndarray, classes: int, *, skill: float = 1.0) -> np.ndarray:
    logits = RNG.normal(size=(len(truth), classes)) + skill * np.eye(classes)[truth]
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def test_areas_are_those_of_scikit_learn() -> None:
    truth = RNG.integers(0, 5, 400)
    given = probabilities(truth, 5)
    found = areas(truth, given, rng=generator())
    expected = roc_auc_score(truth, given, multi_class="ovr", average=None, labels=range(5))
    assert list(found.classes.values()) == pytest.approx(expected.tolist())
    assert found.macro == pytest.approx(expected.mean())


def test_ties_count_half() -> None:
    positive = RNG.random(300) < 0.3
    scores = np.round(RNG.random(300) + 0.3 * positive, 1).astype(np.float64)
    value, part = area(positive, scores)
    assert value == pytest.approx(roc_auc_score(positive, scores))
    assert part.sum() == pytest.approx(0)


def test_the_interval_is_that_of_resampled_areas() -> None:
    truth = np.repeat([0, 1], [60, 140])
    given = probabilities(truth, 2)
    found = areas(truth, given, rng=generator())
    resampled = []
    for _ in range(1500):
        drawn = np.concatenate([RNG.integers(0, 60, 60), RNG.integers(60, 200, 140)])
        resampled.append(area(truth[drawn] == 1, given[drawn, 1])[0])
    assert found.intervals[1] == pytest.approx(interval(np.array(resampled)), abs=0.01)


def test_classes_that_the_holdout_lacks_are_left_out() -> None:
    truth = np.repeat([0, 2], 50)
    found = areas(truth, probabilities(truth, 4), rng=generator())
    assert set(found.classes) == set(found.intervals) == {0, 2}
    assert found.macro == pytest.approx(np.mean(list(found.classes.values())))


def test_a_holdout_of_one_class_has_no_area() -> None:
    truth = np.zeros(20, np.int64)
    found = areas(truth, probabilities(truth, 3), rng=generator())
    assert (found.classes, found.macro, found.macro_interval) == ({}, None, None)


def test_perfect_order_has_an_area_of_one_but_no_certainty() -> None:
    truth = np.repeat([0, 1], 40)
    given = np.eye(2)[truth]
    found = areas(truth, given, rng=generator())
    assert found.macro == 1
    assert found.intervals[0] == pytest.approx((0.025 ** (1 / 40), 1))
