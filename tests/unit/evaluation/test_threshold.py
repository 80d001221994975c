"""When to abstain."""

import numpy as np
import pytest

from visionml.evaluation import threshold
from visionml.evaluation.bootstrap import generator

CONFIDENCE = np.array([0.9, 0.5, 0.7, 0.6, 0.8])
RIGHT = np.array([True, False, True, False, True])


def test_the_curve_answers_fewer_images_the_higher_the_threshold() -> None:
    values, answered, accuracy = threshold.curve(CONFIDENCE, RIGHT)
    assert values.tolist() == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert answered.tolist() == [5, 4, 3, 2, 1]
    assert accuracy.tolist() == [0.6, 0.75, 1, 1, 1]


@pytest.mark.parametrize(
    ("target", "value", "coverage"), [(0.5, 0, 1), (0.75, 0.6, 0.8), (0.99, 0.7, 0.6)]
)
def test_the_lowest_threshold_that_reaches_the_target_is_chosen(
    target: float, value: float, coverage: float
) -> None:
    chosen = threshold.choose(CONFIDENCE, RIGHT, target=target)
    assert (chosen.value, chosen.coverage, chosen.reached) == (value, coverage, True)
    assert chosen.accuracy >= target
    assert chosen.images == 5


def test_a_target_out_of_reach_gets_the_nearest_and_says_so() -> None:
    chosen = threshold.choose(CONFIDENCE, ~RIGHT, target=0.99)
    assert not chosen.reached
    assert (chosen.value, chosen.coverage, chosen.accuracy) == (0, 1, 0.4)


def test_images_of_one_confidence_are_answered_together() -> None:
    chosen = threshold.choose(np.full(10, 0.7), np.arange(10) < 6, target=0.9)
    assert (chosen.value, chosen.coverage, chosen.accuracy) == (0, 1, 0.6)


def test_the_threshold_is_reported_on_other_images() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(500)
    right = rng.random(500) < confidence
    effect = threshold.apply(0.5, confidence, right, np.zeros(500, np.int64), rng=generator())
    answered = confidence >= 0.5
    assert effect.answered == answered.sum()
    assert effect.coverage == answered.mean()
    assert effect.accuracy == right[answered].mean()
    values = {"coverage": answered.mean(), "accuracy": right[answered].mean()}
    for name, value in values.items():
        low, high = effect.intervals[name]
        assert value - 0.06 < low < value < high < value + 0.06


def test_a_threshold_that_answers_nothing_has_no_accuracy() -> None:
    effect = threshold.apply(0.99, CONFIDENCE, RIGHT, np.zeros(5, np.int64), rng=generator())
    assert (effect.answered, effect.coverage, effect.accuracy) == (0, 0, None)
    assert set(effect.intervals) == {"coverage"}


def test_the_compact_curve_keeps_its_ends_and_its_order() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(3000)
    points = threshold.compact(confidence, rng.random(3000) < confidence)
    assert len(points) == 50
    assert points[0].coverage == 1
    assert points[-1].coverage == pytest.approx(0.02)
    assert [p.threshold for p in points] == sorted(p.threshold for p in points)


def test_a_curve_of_few_images_has_a_point_for_each_confidence() -> None:
    points = threshold.compact(CONFIDENCE, RIGHT)
    assert [p.threshold for p in points] == [0.5, 0.6, 0.7, 0.8, 0.9]
