"""The operations on tuning jobs."""

from visionml.local.sagemaker.core import Caller, Document, Listing, listed
from visionml.local.sagemaker.faults import Fault, in_use, invalid, not_found, not_offered
from visionml.local.sagemaker.job_operations import check_training, identity, refuse
from visionml.local.sagemaker.state import State
from visionml.local.sagemaker.tuning import TuningJob, resources
from visionml.local.sagemaker.tuning_space import Space

_JOBS = Listing(
    "HyperParameterTuningJobSummaries",
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobStatus",
)
_TRAINING = Listing(
    "TrainingJobSummaries",
    "TrainingJobName",
    "TrainingJobStatus",
    further={"FinalObjectiveMetricValue": "FinalObjectiveMetricValue"},
)
_MOST_PARALLEL = 100
_MOST_JOBS = {"Random": 10_000}
_MOST_JOBS_OTHERWISE = 750
_MOST_RESOURCE = 20_000
_REFUSED = {
    "TrainingJobDefinitions": "tuning several algorithms at once (TrainingJobDefinitions)",
    "Autotune": "Autotune",
}
_REFUSED_DEFINITION = {
    "HyperParameterTuningResourceConfig": "HyperParameterTuningResourceConfig; use ResourceConfig",
    "TuningObjective": "a TuningObjective of a definition; use HyperParameterTuningJobObjective",
    "HyperParameterRanges": "HyperParameterRanges of a definition; use ParameterRanges",
}


def create_tuning_job(state: State, caller: Caller, request: Document) -> Document:
    """CreateHyperParameterTuningJob."""
    _check_offered(request)
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    _check_objective(config, definition)
    space = Space.of(config["ParameterRanges"], definition.get("StaticHyperParameters", {}))
    _check_strategy(request)
    _check_limits(config, space)
    check_training(definition)
    state.cloud.lend_role(caller, definition["RoleArn"])
    state.cloud.image(definition["AlgorithmSpecification"]["TrainingImage"], definition["RoleArn"])
    name = request["HyperParameterTuningJobName"]
    job = TuningJob(**identity(TuningJob, caller.scope, name, request), training=state.training)
    if not state.tuning.add(job):
        raise in_use(
            f"A hyperparameter tuning job with the name, {job.name}, already exists. Choose a "
            "different name."
        )
    job.start(state.cloud)
    return {"HyperParameterTuningJobArn": job.arn}


def describe_tuning_job(state: State, caller: Caller, request: Document) -> Document:
    """DescribeHyperParameterTuningJob."""
    return _job(state, caller, request).described()


def list_tuning_jobs(state: State, caller: Caller, request: Document) -> Document:
    """ListHyperParameterTuningJobs."""
    return _JOBS.page({"SortBy": "Name", **request}, listed(state.tuning.of(caller.scope)))


def list_training_jobs(state: State, caller: Caller, request: Document) -> Document:
    """ListTrainingJobsForHyperParameterTuningJob."""
    job = _job(state, caller, request)
    found = [job.summary(candidate) for candidate in list(job.candidates)]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        found = [each for each in found if each["FinalObjectiveMetricValue"] is not None]
    return _TRAINING.page({"SortBy": "Name", **request}, found)


def stop_tuning_job(state: State, caller: Caller, request: Document) -> Document:
    """StopHyperParameterTuningJob."""
    job = _job(state, caller, request)
    if job.ended.is_set():
        raise invalid(
            "The request was rejected because the hyperparameter tuning job is in status "
            f"{job.status}."
        )
    job.stop()
    return {}


def delete_tuning_job(state: State, caller: Caller, request: Document) -> Document:
    """DeleteHyperParameterTuningJob; its training jobs stay."""
    job = _job(state, caller, request)
    if not job.ended.is_set():
        raise invalid(
            f"The hyperparameter tuning job {job.name} cannot be deleted in status {job.status}."
        )
    state.tuning.remove(job)
    return {}


def _job(state: State, caller: Caller, request: Document) -> TuningJob:
    name = request["HyperParameterTuningJobName"]
    job = state.tuning.get(caller.scope, name)
    if job is None:
        raise not_found(
            f"Amazon SageMaker can't find a tuning job called {name}. Type another name."
        )
    return job


def _check_offered(request: Document) -> None:
    if "WarmStartConfig" in request:
        raise invalid(
            "The embedded SageMaker does not offer warm start of tuning jobs (WarmStartConfig). "
            "It exists on AWS only."
        )
    refuse(request, _REFUSED)
    if "TrainingJobDefinition" not in request:
        raise invalid("TrainingJobDefinition is required for a hyperparameter tuning job.")
    refuse(request["TrainingJobDefinition"], _REFUSED_DEFINITION)
    config = request["HyperParameterTuningJobConfig"]
    for name in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if name not in config:
            raise invalid(f"{name} is required in HyperParameterTuningJobConfig.")
    refuse(config["ParameterRanges"], {"AutoParameters": "AutoParameters"})
    convergence = config.get("TuningJobCompletionCriteria", {}).get("ConvergenceDetected", {})
    if convergence.get("CompleteOnConvergence") == "Enabled":
        raise not_offered("the completion criterion ConvergenceDetected")


def _check_objective(config: Document, definition: Document) -> None:
    metrics = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
    wanted = config["HyperParameterTuningJobObjective"]["MetricName"]
    if wanted not in [metric["Name"] for metric in metrics]:
        raise invalid(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric "
            "in the metric definitions."
        )


def _check_strategy(request: Document) -> None:
    config = request["HyperParameterTuningJobConfig"]
    strategy = config["Strategy"]
    given = config["ParameterRanges"]
    if strategy == "Grid" and any(
        given.get(name) for name in ("ContinuousParameterRanges", "IntegerParameterRanges")
    ):
        raise invalid(
            "Grid search supports categorical parameters only. Give the values to try in "
            "CategoricalParameterRanges, or choose another strategy."
        )
    if strategy != "Hyperband":
        if "StrategyConfig" in config:
            raise invalid("StrategyConfig must not be set unless Strategy is Hyperband.")
        return
    if config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise invalid(
            "TrainingJobEarlyStoppingType must be Off to use Hyperband, which stops training jobs "
            "early by itself."
        )
    least, most = resources(request)
    if most is None:
        raise invalid(
            "Hyperband needs MaxResource in HyperbandStrategyConfig, or the number of epochs in "
            "StaticHyperParameters."
        )
    if not least <= most <= _MOST_RESOURCE:
        raise invalid(
            f"MaxResource [{most}] must be at least MinResource [{least}] and at most "
            f"{_MOST_RESOURCE}."
        )


def _check_limits(config: Document, space: Space) -> None:
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    jobs, parallel = limits.get("MaxNumberOfTrainingJobs"), limits["MaxParallelTrainingJobs"]
    if strategy == "Grid":
        if jobs not in (None, space.combinations):
            raise invalid(
                f"MaxNumberOfTrainingJobs [{jobs}] must equal the number of combinations "
                f"[{space.combinations}] for Grid; leave it out."
            )
        jobs = int(space.combinations)
    elif jobs is None:
        raise invalid(f"MaxNumberOfTrainingJobs is required for the strategy {strategy}.")
    elif space.combinations < jobs:
        raise invalid(
            "You don't have enough combinations of hyperparameter ranges. The total number of "
            f"hyperparameter combinations for the provided ranges [{float(space.combinations)}] "
            f"must be equal or greater than the value of MaxNumberOfJobs, [{jobs}]. Provide "
            "additional ranges."
        )
    if parallel > jobs:
        raise invalid(
            f"MaxParallelTrainingJobs [{parallel}] must not be greater than "
            f"MaxNumberOfTrainingJobs [{jobs}]."
        )
    most = _MOST_JOBS.get(strategy, _MOST_JOBS_OTHERWISE)
    _check_quota("Number of training jobs per hyperparameter tuning job", jobs, most)
    _check_quota(
        "Number of parallel training jobs per hyperparameter tuning job", parallel, _MOST_PARALLEL
    )


def _check_quota(quota: str, wanted: int, most: int) -> None:
    if wanted > most:
        raise Fault(
            "ResourceLimitExceeded",
            f"The account-level service limit '{quota}' is {most} Training Jobs, with current "
            f"utilization of 0 Training Jobs and a request delta of {wanted} Training Jobs. Please "
            "contact AWS support to request an increase for this limit.",
        )
