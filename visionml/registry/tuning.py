"""A tuning request in SageMaker's words."""

from typing import Any

from visionml.contracts.training import IDENTITY, NumberRange, TrainingRequest


def with_identity(request: TrainingRequest) -> dict[str, str]:
    """Return the training job's hyperparameters, with the facts of the run on top."""
    return {**request.hyperparameters, **{name: str(getattr(request, name)) for name in IDENTITY}}


def fixed(request: TrainingRequest, hyperparameters: dict[str, str]) -> dict[str, str]:
    """Return the hyperparameters that all jobs of the tuning have in common."""
    wanted = request.tuning
    if wanted is None:
        return {}
    longest = {"epochs": str(wanted.resources[1])} if wanted.resources else {}
    given = {**hyperparameters, **longest, **wanted.hyperparameters}
    return {name: value for name, value in given.items() if name not in wanted.ranges}


def config(request: TrainingRequest, *, seconds: int) -> dict[str, Any] | None:
    """Return SageMaker's ``HyperParameterTuningJobConfig``; None where nothing is tuned.

    `seconds` is the time for the tuning with all its jobs.
    """
    wanted = request.tuning
    if wanted is None:
        return None
    limits = {"MaxParallelTrainingJobs": wanted.max_parallel, "MaxRuntimeInSeconds": seconds}
    if wanted.strategy != "Grid":  # SageMaker counts the combinations itself
        limits["MaxNumberOfTrainingJobs"] = wanted.max_jobs
        limits["MaxParallelTrainingJobs"] = min(wanted.max_parallel, wanted.max_jobs)
    made: dict[str, Any] = {
        "Strategy": wanted.strategy,
        "HyperParameterTuningJobObjective": {
            "Type": wanted.objective.direction,
            "MetricName": wanted.objective.metric,
        },
        "ResourceLimits": limits,
        "ParameterRanges": _ranges(request),
        "TrainingJobEarlyStoppingType": "Auto" if wanted.early_stopping else "Off",
    }
    if wanted.resources:
        fewest, most = wanted.resources
        made["StrategyConfig"] = {
            "HyperbandStrategyConfig": {"MinResource": fewest, "MaxResource": most}
        }
    if wanted.seed is not None:
        made["RandomSeed"] = wanted.seed
    return made


def _ranges(request: TrainingRequest) -> dict[str, list[dict[str, Any]]]:
    made: dict[str, list[dict[str, Any]]] = {
        "IntegerParameterRanges": [],
        "ContinuousParameterRanges": [],
        "CategoricalParameterRanges": [],
    }
    for name, wanted in (request.tuning.ranges if request.tuning else {}).items():
        if not isinstance(wanted, NumberRange):
            made["CategoricalParameterRanges"].append({"Name": name, "Values": wanted})
            continue
        kind = "Integer" if wanted.integer else "Continuous"
        ends = (int(wanted.min), int(wanted.max)) if wanted.integer else (wanted.min, wanted.max)
        made[f"{kind}ParameterRanges"].append(
            {
                "Name": name,
                "MinValue": str(ends[0]),
                "MaxValue": str(ends[1]),
                "ScalingType": wanted.scale,
            }
        )
    return made
