"""What is said of two variants follows from their figures, and says how far it can be trusted."""

import math

import pytest

from visionml.experiments.comparison import Arm, judge
from visionml.experiments.shares import Trials, sample_size


def arm(variant: str, right: int, labels: int, *, failed: int = 0, calls: int = 1000) -> Arm:
    return Arm(variant, f"run-of-{variant}", Trials(right, labels), Trials(failed, calls))


def test_a_clear_difference_names_the_better_variant() -> None:
    found = judge(arm("ModelA", 720, 800), arm("ModelB", 194, 200))
    assert (found.better, found.unreliable) == ("ModelB", None)
    assert found.low > 0
    assert found.p_value < 0.01
    assert found.probability_better > 0.99
    assert found.sentence.startswith("ModelB is better. ModelB is right 7.0 points more often")
    worse = judge(arm("ModelA", 720, 800), arm("ModelB", 150, 200))
    assert (worse.better, worse.probability_better < 0.01) == ("ModelA", True)
    assert "ModelB is right 15.0 points less often than ModelA" in worse.sentence


def test_a_difference_that_may_be_chance_says_how_many_labels_are_missing() -> None:
    found = judge(arm("ModelA", 72, 80), arm("ModelB", 19, 20))
    of_a, of_b = sample_size(0.9, 0.95, ratio=0.25)
    assert found.better is None
    assert found.low < 0 < found.high
    assert found.needed == {"ModelA": of_a - 80, "ModelB": of_b - 20}
    assert "Neither is better beyond chance" in found.sentence
    assert f"{of_a - 80:,} of ModelA" in found.sentence


@pytest.mark.parametrize(("a", "b"), [((9, 10), (18, 20)), ((0, 0), (3, 4)), ((0, 0), (0, 0))])
def test_without_a_difference_no_number_is_promised(a: tuple[int, int], b: tuple[int, int]) -> None:
    found = judge(arm("ModelA", *a), arm("ModelB", *b))
    assert (found.better, found.needed) == (None, None)
    if not a[1]:
        assert math.isnan(found.difference)
        assert "ModelA" in found.sentence


def test_a_variant_that_fails_more_often_is_named_whatever_its_accuracy() -> None:
    found = judge(arm("ModelA", 72, 80), arm("ModelB", 19, 20, failed=30))
    assert found.unreliable == "ModelB"
    assert found.sentence.endswith("ModelB fails more often.")


def test_every_comparison_warns_of_looking_again_and_again() -> None:
    assert "looks again" in judge(arm("ModelA", 1, 2), arm("ModelB", 2, 2)).caution
