"""What a tuning job searches, and how: ranges, scales, strategies, early stopping."""

import math
from typing import Any

import pytest

from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.tuning_search import Hyperband, Search
from visionml.local.sagemaker.tuning_space import Categories, Numbers, Space


def continuous(low: str, high: str, scale: str = "Auto", name: str = "x") -> dict[str, Any]:
    given = {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}
    return {"ContinuousParameterRanges": [given]}


def integers(low: str, high: str, scale: str = "Auto", name: str = "n") -> dict[str, Any]:
    given = {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}
    return {"IntegerParameterRanges": [given]}


def categories(*values: str, name: str = "c") -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": list(values)}]}


def search(space: dict[str, Any], **changes: Any) -> Search:
    settings = {"strategy": "Random", "maximise": True, "jobs": 10, "seed": 0, **changes}
    return Search(Space.of(space, {}), **settings)


def test_auto_is_logarithmic_from_two_orders_of_magnitude_on() -> None:
    def scale(low: str, high: str) -> str:
        (found,) = Space.of(continuous(low, high), {}).ranges
        assert isinstance(found, Numbers)
        return found.scale

    assert scale("0.001", "0.1") == "Logarithmic"
    assert scale("0.001", "0.09") == "Linear"
    assert scale("0", "1000") == "Linear"


@pytest.mark.parametrize(
    ("space", "static", "sentence"),
    [
        ({}, {}, "At least one hyperparameter range"),
        (continuous("1", "1"), {}, "must be less than"),
        (continuous("2", "1"), {}, "must be less than"),
        (continuous("a", "1"), {}, r"bound \[a\] of the hyperparameter x is not a number"),
        (continuous("0", "inf"), {}, "is not a number"),
        (integers("1", "2.5"), {}, "is not an integer"),
        (continuous("0", "1", "Logarithmic"), {}, "needs a range above 0"),
        (continuous("0", "1", "ReverseLogarithmic"), {}, "within 0<=x<1.0"),
        (integers("0", "9", "ReverseLogarithmic"), {}, "within 0<=x<1.0"),
        (categories("a", "a"), {}, "must differ"),
        (continuous("0", "1"), {"x": "1"}, r"more than once: \[x\]"),
        ({**continuous("0", "1"), **integers("0", "1", name="x")}, {}, r"more than once: \[x\]"),
        (continuous("0", "1"), {"_tuning_objective_metric": "y"}, "reserved"),
        (continuous("0", "1"), {str(n): "" for n in range(99)}, "at most 100 hyperparameters"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(
    space: dict[str, Any], static: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Fault, match=sentence):
        Space.of(space, static)


@pytest.mark.parametrize("scale", ["Linear", "Logarithmic", "ReverseLogarithmic"])
def test_values_keep_to_their_range_and_scale(scale: str) -> None:
    found = search(continuous("0.01", "0.99", scale))
    values = [float(found.propose().hyperparameters["x"]) for _ in range(200)]
    assert all(0.01 <= value <= 0.99 for value in values)
    low = sum(value < 0.1 for value in values)
    high = sum(value > 0.9 for value in values)
    if scale == "Logarithmic":
        assert low > 60
    elif scale == "ReverseLogarithmic":
        assert high > 60
    else:
        assert max(low, high) < 40


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_nothing_is_tried_twice(strategy: str) -> None:
    found = search({**integers("1", "6"), **categories("a", "b")}, strategy=strategy, jobs=12)
    seen = set()
    for _ in range(12):
        trial = found.propose()
        seen.add(tuple(trial.hyperparameters.items()))
        found.end(trial, 1.0)
    assert len(seen) == 12


def test_hyperparameters_are_texts_as_sagemaker_writes_them() -> None:
    space = Space.of({**continuous("0", "1"), **integers("1", "9"), **categories("a", "b")}, {})
    assert space.texts({"x": 0.25, "n": 3, "c": "b"}) == {"x": "0.25", "n": "3", "c": "b"}
    assert space.combinations == math.inf
    assert Categories("c", ("a", "b")).size == 2


def test_bayesian_search_learns() -> None:
    def late_distance(strategy: str) -> float:
        found = search(continuous("0", "1", "Linear"), strategy=strategy, jobs=40, maximise=False)
        distances = []
        for _ in range(40):
            trial = found.propose()
            distances.append(abs(float(trial.hyperparameters["x"]) - 0.7))
            found.end(trial, distances[-1])
        return sum(distances[20:])

    assert late_distance("Bayesian") < late_distance("Random") / 2


@pytest.mark.parametrize("maximise", [True, False])
def test_early_stopping_waits_for_three_jobs(maximise: bool) -> None:
    found = search(continuous("0", "1"), early_stopping=True, maximise=maximise)
    sign = 1 if maximise else -1
    for _ in range(3):
        trial = found.propose()
        assert not found.hear(trial, [sign * 1.0, sign * 3.0])
        found.end(trial, sign * 3.0)
    worse, better = found.propose(), found.propose()
    assert found.hear(worse, [sign * 0.9])
    assert not found.hear(better, [sign * 1.0])
    assert found.hear(better, [sign * 1.0, sign * 1.9])  # the average of 1 and 3 is 2


def test_hyperband_keeps_the_best_and_ends_at_the_most() -> None:
    found = search(
        continuous("0", "1", "Linear"), strategy="Hyperband", hyperband=Hyperband(1, 9), jobs=9
    )
    trials = [found.propose() for _ in range(9)]
    alive = {trial.handle.number: trial for trial in trials}
    for step in range(1, 10):
        for number, trial in list(alive.items()):
            value = step * float(trial.hyperparameters["x"])
            if found.hear(trial, [*trial.values, value]):
                del alive[number]
    assert 1 <= len(alive) < 9
    survivor = next(iter(alive.values()))
    assert found.hear(survivor, [*survivor.values, 99.0])


def test_a_result_that_is_missing_teaches_nothing() -> None:
    found = search(categories("a", "b"), strategy="Grid")
    first, second = found.propose(), found.propose()
    found.end(first, None)
    found.end(second, 2.0)
    assert [first.hyperparameters, second.hyperparameters] == [{"c": "a"}, {"c": "b"}]
