"""Areas under ROC curves."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from visionml.evaluation.bootstrap import generator, interval
from visionml.evaluation.ranking import area, areas


def probabilities(truth: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    logits = rng.normal(size=(len(truth), classes)) + np.eye(classes)[truth]
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def test_areas_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 5, 400)
    given = probabilities(truth, 5, rng)
    found = areas(truth, given, rng=generator())
    expected = roc_auc_score(truth, given, multi_class="ovr", average=None, labels=range(5))
    assert list(found.classes.values()) == pytest.approx(expected.tolist())
    assert found.macro == pytest.approx(expected.mean())


def test_ties_count_half(rng: np.random.Generator) -> None:
    positive = rng.random(300) < 0.3
    scores = np.round(rng.random(300) + 0.3 * positive, 1).astype(np.float64)
    value, part = area(positive, scores)
    assert value == pytest.approx(roc_auc_score(positive, scores))
    assert part.sum() == pytest.approx(0)


def test_the_interval_is_that_of_resampled_areas(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1], [60, 140])
    given = probabilities(truth, 2, rng)
    found = areas(truth, given, rng=generator())
    resampled = []
    for _ in range(1500):
        drawn = np.concatenate([rng.integers(0, 60, 60), rng.integers(60, 200, 140)])
        resampled.append(area(truth[drawn] == 1, given[drawn, 1])[0])
    assert found.intervals[1] == pytest.approx(interval(np.array(resampled)), abs=0.01)


def test_classes_that_the_holdout_lacks_are_left_out(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 2], 50)
    found = areas(truth, probabilities(truth, 4, rng), rng=generator())
    assert set(found.classes) == set(found.intervals) == {0, 2}
    assert found.macro == pytest.approx(np.mean(list(found.classes.values())))


def test_a_holdout_of_one_class_has_no_area(rng: np.random.Generator) -> None:
    truth = np.zeros(20, np.int64)
    found = areas(truth, probabilities(truth, 3, rng), rng=generator())
    assert (found.classes, found.macro, found.macro_interval) == ({}, None, None)


def test_perfect_order_has_an_area_of_one_but_no_certainty() -> None:
    truth = np.repeat([0, 1], 40)
    given = np.eye(2)[truth]
    found = areas(truth, given, rng=generator())
    assert found.macro == 1
    assert found.intervals[0] == pytest.approx((0.025 ** (1 / 40), 1))
