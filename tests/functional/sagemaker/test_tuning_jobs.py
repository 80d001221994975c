"""Tuning jobs: strategies, counters, the best job, early stopping, failures, refusals."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.test_machine_tasks import run
from tests.functional.sagemaker.world import BUCKET, World, allow, until

RATES = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["1", "2", "3"]}]}
CONTINUOUS = {
    "ContinuousParameterRanges": [
        {"Name": "rate", "MinValue": "0.001", "MaxValue": "10", "ScalingType": "Logarithmic"}
    ]
}


def tuning(world: World, *, jobs: int | None, parallel: int = 2, **config: Any) -> dict[str, Any]:
    """Return the request of a tuning job; `config` may hold TrainingJobDefinition's changes."""
    training = world.training("x")
    metric = {"Name": "score", "Regex": "score=([0-9.]+)"}
    definition = {
        "StaticHyperParameters": {"epochs": "2"},
        "AlgorithmSpecification": {
            "TrainingImage": world.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [metric],
        },
        **{
            name: training[name]
            for name in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
        },
        **config.pop("definition", {}),
    }
    limits = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
    return {
        "HyperParameterTuningJobName": world.name("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {name: value for name, value in limits.items() if value},
            "ParameterRanges": CONTINUOUS,
            "RandomSeed": 1,
            **config,
        },
        "TrainingJobDefinition": definition,
    }


def create(world: World, request: dict[str, Any]) -> str:
    world.aws.sagemaker.create_hyper_parameter_tuning_job(**request)
    return str(request["HyperParameterTuningJobName"])


def described(world: World, name: str) -> dict[str, Any]:
    return dict(
        world.aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    )


def tuned(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Run a tuning job to its end and return its description."""
    name = create(world, request)
    return until(
        lambda: described(world, name),
        lambda job: job["HyperParameterTuningJobStatus"] not in {"InProgress", "Stopping"},
    )


def children(world: World, name: str, **order: Any) -> list[dict[str, Any]]:
    answer = world.aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, MaxResults=100, **order
    )
    return [dict(each) for each in answer["TrainingJobSummaries"]]


def test_the_best_of_a_random_search_is_named(world: World) -> None:
    job = tuned(world, tuning(world, jobs=4))
    name = job["HyperParameterTuningJobName"]
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["HyperParameterTuningJobArn"].endswith(f":hyper-parameter-tuning-job/{name}")
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    found = children(world, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert all(re.fullmatch(rf"{name}-00[1-4]-[0-9a-f]{{8}}", c["TrainingJobName"]) for c in found)
    finals = [c["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for c in found]
    assert finals == sorted(finals, reverse=True)
    best = job["BestTrainingJob"]
    assert best["TrainingJobName"] == found[0]["TrainingJobName"]
    assert best["ObjectiveStatus"] == "Succeeded"
    assert finals[0] == pytest.approx(2 * float(best["TunedHyperParameters"]["rate"]), abs=1e-5)
    child = world.aws.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert child["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert child["HyperParameters"] == {
        "epochs": "2", "_tuning_objective_metric": "score", **best["TunedHyperParameters"],
    }  # fmt: skip


def test_a_seed_repeats_a_bayesian_search(world: World) -> None:
    def proposed() -> list[dict[str, str]]:
        request = tuning(world, jobs=5, parallel=1, Strategy="Bayesian", RandomSeed=7)
        return [c["TunedHyperParameters"] for c in children(world, tuned(world, request)[
            "HyperParameterTuningJobName"])]  # fmt: skip

    first = proposed()
    assert first == proposed()
    assert len({each["rate"] for each in first}) == 5


def test_a_grid_tries_every_combination_once(world: World) -> None:
    request = tuning(world, jobs=None, Strategy="Grid", ParameterRanges=RATES)
    name = tuned(world, request)["HyperParameterTuningJobName"]
    rates = [c["TunedHyperParameters"]["rate"] for c in children(world, name)]
    assert sorted(rates) == ["1", "2", "3"]


def test_hyperband_stops_what_falls_behind(world: World) -> None:
    request = tuning(
        world,
        jobs=6,
        parallel=3,
        Strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
        definition={"StaticHyperParameters": {"epochs": "9", "seconds": "0.15"}},
    )
    job = tuned(world, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    counters = job["TrainingJobStatusCounters"]
    assert counters["Stopped"] >= 1
    assert counters["Completed"] >= 1
    assert job["ObjectiveStatusCounters"]["Succeeded"] == 6


def test_early_stopping_stops_what_is_worse_than_the_median(world: World) -> None:
    rates = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["9", "8", "7", "1"]}]}
    request = tuning(
        world,
        jobs=None,
        parallel=1,
        Strategy="Grid",
        ParameterRanges=rates,
        TrainingJobEarlyStoppingType="Auto",
        definition={"StaticHyperParameters": {"epochs": "4", "seconds": "0.2"}},
    )
    job = tuned(world, request)
    by_rate = {
        c["TunedHyperParameters"]["rate"]: c["TrainingJobStatus"]
        for c in children(world, job["HyperParameterTuningJobName"])
    }
    assert by_rate == {"9": "Completed", "8": "Completed", "7": "Completed", "1": "Stopped"}
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "9"}


def test_stopping_stops_the_training_jobs(world: World) -> None:
    slow = {"StaticHyperParameters": {"epochs": "99", "seconds": "1"}}
    name = create(world, tuning(world, jobs=4, definition=slow))
    until(
        lambda: described(world, name),
        lambda job: job["TrainingJobStatusCounters"]["InProgress"] == 2,
    )
    world.aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = until(
        lambda: described(world, name),
        lambda job: job["HyperParameterTuningJobStatus"] == "Stopped",
    )
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0


def test_a_target_ends_the_search(world: World) -> None:
    request = tuning(
        world,
        jobs=9,
        parallel=1,
        TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.0001},
    )
    job = tuned(world, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 1


def test_an_objective_that_never_appears_fails_the_job(world: World) -> None:
    silent = {"StaticHyperParameters": {"silent": "yes"}}
    job = tuned(world, tuning(world, jobs=3, definition=silent))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "No objective metrics found after running 3 training jobs. Please ensure that the custom "
        "algorithm is emitting the objective metric"
    )
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 3}
    assert "BestTrainingJob" not in job


def test_nothing_but_failures_fails_the_job(world: World) -> None:
    job = tuned(world, tuning(world, jobs=20, parallel=5, definition={
        "StaticHyperParameters": {"fail": "yes"}}))  # fmt: skip
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    attempts = job["TrainingJobStatusCounters"]["NonRetryableError"]
    assert 5 <= attempts < 20
    assert re.match(r"No training job succeeded after \d+ attempts\.", job["FailureReason"])


def test_checkpoints_of_training_jobs_are_apart(world: World) -> None:
    uri = f"s3://{BUCKET}/checkpoints/{world.name()}"
    request = tuning(world, jobs=2, definition={"CheckpointConfig": {"S3Uri": uri}})
    name = tuned(world, request)["HyperParameterTuningJobName"]
    for child in children(world, name):
        assert world.read(f"{uri}/{child['TrainingJobName']}/epoch") == b"2"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Strategy": "Grid"}, "Grid search supports categorical parameters only"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off"),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"}},
            "A metric is required for this hyperparameter tuning job objective",
        ),
        (
            {"ParameterRanges": RATES},
            r"combinations for the provided ranges \[3.0\] must be equal or greater than the "
            r"value of MaxNumberOfJobs, \[4\]",
        ),
        (
            {"ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 3}},
            "must not be greater than",
        ),
        (
            {"ResourceLimits": {"MaxNumberOfTrainingJobs": 99999, "MaxParallelTrainingJobs": 3}},
            r"\(ResourceLimitExceeded\).*is 10000 Training Jobs",
        ),
        ({"Strategy": "Luck"}, "Member must satisfy enum value set"),
    ],
)
def test_refusals_say_what_is_wrong(world: World, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ClientError, match=sentence):
        create(world, tuning(world, jobs=4, **changes))


def test_warm_start_is_refused(world: World) -> None:
    request = tuning(world, jobs=1, parallel=1)
    parents = [{"HyperParameterTuningJobName": "earlier"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
    with pytest.raises(ClientError, match=r"\(ValidationException\).*does not offer warm start"):
        create(world, {**request, "WarmStartConfig": warm})


def test_names_and_lists(world: World) -> None:
    request = tuning(world, jobs=1, parallel=1)
    name = tuned(world, request)["HyperParameterTuningJobName"]
    with pytest.raises(ClientError, match=rf"\(ResourceInUse\).*the name, {name}, already exists"):
        create(world, request)
    with pytest.raises(ClientError, match="can't find a tuning job called never-was"):
        described(world, "never-was")
    listed = world.aws.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)
    (summary,) = listed["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Random"
    assert summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 1


def machine_role(world: World, resource: str) -> str:
    return allow(
        world.aws,
        world.name("machine"),
        (
            [
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:DescribeHyperParameterTuningJob",
            ],
            f"arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/{resource}",
        ),
        ("iam:PassRole", world.role),
        service="states.amazonaws.com",
    )


SYNC = "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync"


def test_a_machine_waits_for_a_tuning_job(world: World) -> None:
    role = machine_role(world, "tune-*")
    execution = run(world, role, tuning(world, jobs=2), SYNC)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["HyperParameterTuningJobStatus"] == "Completed"
    assert output["BestTrainingJob"]["TrainingJobName"].startswith("tune-")
    silent = {"StaticHyperParameters": {"silent": "yes"}}
    failed = run(world, role, tuning(world, jobs=1, parallel=1, definition=silent), SYNC)
    assert failed["error"] == "States.TaskFailed"
    assert "No objective metrics found" in json.loads(failed["cause"])["FailureReason"]


def test_a_machines_role_must_allow_the_tuning_job(world: World) -> None:
    execution = run(world, machine_role(world, "other-*"), tuning(world, jobs=1), SYNC)
    assert (
        "not authorized to perform: sagemaker:CreateHyperParameterTuningJob" in execution["cause"]
    )
