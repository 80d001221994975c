"""A tuning request says in SageMaker's words what it says in ours."""

from typing import Any

import pytest

from tests.fakes import events
from visionml.contracts.training import TrainingRequest
from visionml.registry import tuning

RANGES = {
    "learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "Logarithmic"},
    "epochs": {"min": 2, "max": 8},
    "batch_size": [32, 64],
}


def request(**wanted: Any) -> TrainingRequest:
    given = {"ranges": RANGES, **wanted}
    base = events.load("run_planner")["request"]
    return TrainingRequest.model_validate({**base, "mode": "tune", "tuning": given})


def config(**wanted: Any) -> dict[str, Any]:
    made = tuning.config(request(**wanted), seconds=600)
    assert made
    return made


def test_every_kind_of_range_has_its_place() -> None:
    ranges = config()["ParameterRanges"]
    assert ranges["ContinuousParameterRanges"] == [
        {
            "Name": "learning_rate",
            "MinValue": "0.0001",
            "MaxValue": "0.01",
            "ScalingType": "Logarithmic",
        }
    ]
    assert ranges["IntegerParameterRanges"] == [
        {"Name": "epochs", "MinValue": "2", "MaxValue": "8", "ScalingType": "Auto"}
    ]
    assert ranges["CategoricalParameterRanges"] == [{"Name": "batch_size", "Values": ["32", "64"]}]


def test_the_search_survives_the_machines_json() -> None:
    once = request()
    assert TrainingRequest.model_validate_json(once.model_dump_json()) == once


def test_objective_limits_and_seed_are_the_requests() -> None:
    made = config(
        objective={"metric": "validation_loss", "direction": "Minimize"},
        max_jobs=9,
        max_parallel=3,
        early_stopping=True,
        seed=7,
    )
    assert made["HyperParameterTuningJobObjective"] == {
        "Type": "Minimize",
        "MetricName": "validation_loss",
    }
    assert made["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 9,
        "MaxParallelTrainingJobs": 3,
        "MaxRuntimeInSeconds": 600,
    }
    assert (made["TrainingJobEarlyStoppingType"], made["RandomSeed"]) == ("Auto", 7)


def test_no_more_jobs_run_at_once_than_there_are() -> None:
    assert config(max_jobs=1)["ResourceLimits"]["MaxParallelTrainingJobs"] == 1


def test_a_grid_has_no_number_of_jobs() -> None:
    made = config(strategy="Grid", ranges={"batch_size": ["32", "64"]})
    assert "MaxNumberOfTrainingJobs" not in made["ResourceLimits"]


def test_hyperband_gives_its_jobs_epochs() -> None:
    wanted = request(strategy="Hyperband", resources=(1, 9), ranges={"batch_size": [32]})
    made = tuning.config(wanted, seconds=600)
    assert made
    assert made["StrategyConfig"]["HyperbandStrategyConfig"] == {
        "MinResource": 1,
        "MaxResource": 9,
    }
    assert tuning.fixed(wanted, tuning.with_identity(wanted))["epochs"] == "9"


def test_what_is_tuned_is_not_given_as_well() -> None:
    wanted = request(hyperparameters={"weight_decay": 0.1})
    fixed = tuning.fixed(wanted, tuning.with_identity(wanted))
    assert not fixed.keys() & RANGES.keys()
    assert fixed["weight_decay"] == "0.1"
    assert fixed["run_id"] == wanted.run_id


def test_a_request_cannot_give_a_run_another_identity() -> None:
    base = events.load("run_planner")["request"]
    forged = {**base, "hyperparameters": {"run_id": "run-other", "dataset": "other"}}
    made = tuning.with_identity(TrainingRequest.model_validate(forged))
    assert (made["run_id"], made["dataset"]) == (base["run_id"], "digits")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"ranges": {}}, "at least 1 item"),
        ({"ranges": {"x": {"min": 2, "max": 1}}}, "min must be smaller"),
        ({"ranges": {"x": {"min": 0, "max": 1, "scale": "Logarithmic"}}}, "above 0"),
        ({"ranges": {"run_id": ["a"]}}, "facts of the run cannot be tuned: run_id"),
        ({"objective": {"metric": "accuracy"}}, "'accuracy' is not logged"),
        ({"strategy": "Grid"}, "Grid needs lists of values, not ranges: learning_rate, epochs"),
        ({"strategy": "Hyperband"}, "Hyperband needs resources"),
        ({"resources": (1, 3)}, "for Hyperband alone"),
        ({"max_parallel": 0}, "greater than or equal to 1"),
    ],
)
def test_a_search_that_cannot_be_is_refused(wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        request(**wanted)


@pytest.mark.parametrize(
    ("mode", "given"), [("tune", None), ("both", None), ("train", {"ranges": RANGES})]
)
def test_mode_and_tuning_go_together(mode: str, given: object) -> None:
    base = events.load("run_planner")["request"]
    with pytest.raises(ValueError, match="tuning"):
        TrainingRequest.model_validate({**base, "mode": mode, "tuning": given})
