"""Tuning: search the hyperparameters with which a run would have learnt better."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from visionml.aws.errors import translated
from visionml.contracts import layout
from visionml.contracts.training import new_run_id
from visionml.desks import jobs
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.desks.runs import TrainingRun
from visionml.errors import InvalidInput, JobFailed, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

Range = tuple[int, int] | tuple[float, float] | Sequence[str]
"""Two whole numbers, two numbers with a fraction, or a list of texts."""

Strategy = Literal["Bayesian", "Random", "Grid", "Hyperband"]

METRIC = "validation_accuracy"
_LOGARITHMIC_FROM = 20
"""Ranges whose ends differ by this factor or more are searched by order of magnitude."""
_COMMON = (
    "RoleArn", "InputDataConfig", "ResourceConfig", "StoppingCondition", "VpcConfig",
    "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
)  # fmt: skip
_ENDED = ("Completed", "Failed", "Stopped")
_MOST_SECONDS = 24 * 3600.0


class TuningJob:
    """One search: several training jobs that differ in their hyperparameters."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._platform = platform
        self.name = name

    def __repr__(self) -> str:
        return f"<TuningJob {self.name}>"

    def watch(self, *, on_change: Callable[[str], None] | None = None) -> Card:
        """Wait until the search has ended, telling how far it is, and return the best job.

        Raises
        ------
        JobFailed
            The search failed, was stopped, or no job of it has a result.
        Unavailable
            It has not ended within a day; it goes on running.
        """
        tell = on_change or self._platform.say
        began, told = time.monotonic(), ""
        while True:
            job = self._described()
            counters = job["TrainingJobStatusCounters"]
            completed, running = counters.get("Completed", 0), counters.get("InProgress", 0)
            line = f"{completed} jobs completed, {running} running"
            if line != told:
                tell(f"{time.monotonic() - began:7.1f} s  {line}")
                told = line
            if job["HyperParameterTuningJobStatus"] in _ENDED:
                return self._ended(job)
            if time.monotonic() - began > _MOST_SECONDS:
                raise Unavailable(f"{self.name} has not ended within a day; it goes on running.")
            time.sleep(self._platform.settings.serving.poll_seconds)

    def jobs(self) -> pd.DataFrame:
        """Return the training jobs in the order in which they were started.

        The columns are ``objective``, one per hyperparameter that was searched, ``status``,
        ``seconds`` and ``training job``.
        """
        pages = self._platform.aws.sagemaker.get_paginator(
            "list_training_jobs_for_hyper_parameter_tuning_job"
        ).paginate(HyperParameterTuningJobName=self.name)
        with translated(f"list the training jobs of {self.name}"):
            found = [job for page in pages for job in page["TrainingJobSummaries"]]
        rows = [_row(dict(job)) for job in sorted(found, key=lambda job: job["CreationTime"])]
        frame = pd.DataFrame(rows)
        return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="job"))

    def _described(self) -> dict[str, Any]:
        with translated(f"look at the tuning job {self.name}"):
            return dict(
                self._platform.aws.sagemaker.describe_hyper_parameter_tuning_job(
                    HyperParameterTuningJobName=self.name
                )
            )

    def _ended(self, job: dict[str, Any]) -> Card:
        best = job.get("BestTrainingJob")
        if job["HyperParameterTuningJobStatus"] != "Completed" or not best:
            why = job.get("FailureReason") or "no training job has a result"
            raise JobFailed(f"The tuning job {self.name} found nothing: {why}.")
        objective = best["FinalHyperParameterTuningJobObjectiveMetric"]
        return Card(
            f"The best of {self.name}",
            {
                objective["MetricName"]: f"{objective['Value']:.4f}",
                **{name: _short(value) for name, value in best["TunedHyperParameters"].items()},
                "training job": best["TrainingJobName"],
            },
        )


class Tuning:
    """The tuning jobs of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def start(
        self,
        like: TrainingRun,
        *,
        ranges: Mapping[str, Range],
        jobs_in_all: int = 6,
        in_parallel: int = 2,
        strategy: Strategy = "Bayesian",
        seed: int = 0,
        **hyperparameters: object,
    ) -> TuningJob:
        """Search `ranges` for the best validation accuracy, otherwise training as a run did.

        Further keywords are hyperparameters that stay the same in all jobs.

        Raises
        ------
        InvalidInput
            There is no range, or one is not two numbers or a list of texts.
        NotFound
            The run has trained nothing.
        """
        run_id = new_run_id()
        job = jobs.described(self._platform, like.job)
        fixed = {**job["HyperParameters"], **_strings(hyperparameters), "run_id": run_id}
        request: dict[str, Any] = {
            "HyperParameterTuningJobName": f"{run_id}-tune",
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC},
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": jobs_in_all,
                    "MaxParallelTrainingJobs": min(in_parallel, jobs_in_all),
                },
                "ParameterRanges": parameter_ranges(ranges),
                "RandomSeed": seed,
            },
            "TrainingJobDefinition": {
                **self._definition(job, run_id),
                "StaticHyperParameters": {k: v for k, v in fixed.items() if k not in ranges},
            },
        }
        with translated(f"start the tuning job {run_id}-tune"):
            self._platform.aws.sagemaker.create_hyper_parameter_tuning_job(**request)
        return TuningJob(self._platform, f"{run_id}-tune")

    def open(self, name: str) -> TuningJob:
        """Return a tuning job by its name."""
        return TuningJob(self._platform, name)

    def _definition(
        self, job: "DescribeTrainingJobResponseTypeDef", run_id: str
    ) -> dict[str, object]:
        given: dict[str, Any] = dict(job)
        algorithm = given["AlgorithmSpecification"]
        models = self._platform.address
        return {
            **{key: given[key] for key in _COMMON if key in given},
            "AlgorithmSpecification": {
                "TrainingImage": algorithm["TrainingImage"],
                "TrainingInputMode": algorithm["TrainingInputMode"],
                "MetricDefinitions": algorithm["MetricDefinitions"],
            },
            "OutputDataConfig": {
                **given["OutputDataConfig"],
                "S3OutputPath": models("models", layout.run_output(run_id)),
            },
            "CheckpointConfig": {
                **given["CheckpointConfig"],
                "S3Uri": models("models", layout.run_checkpoints(run_id)),
            },
        }


def parameter_ranges(ranges: Mapping[str, Range]) -> dict[str, list[dict[str, Any]]]:
    """Return ranges as SageMaker takes them.

    Raises
    ------
    InvalidInput
        There is none, or one is not two numbers or a list of texts.
    """
    if not ranges:
        raise InvalidInput("There is nothing to search.", hint="Name a range: learning_rate=...")
    found: dict[str, list[dict[str, Any]]] = {
        f"{kind}ParameterRanges": [] for kind in ("Integer", "Continuous", "Categorical")
    }
    for name, values in ranges.items():
        ends = tuple(values)
        if ends and all(isinstance(value, str) for value in ends):
            found["CategoricalParameterRanges"].append({"Name": name, "Values": list(ends)})
            continue
        kind = "Integer" if all(isinstance(value, int) for value in ends) else "Continuous"
        found[f"{kind}ParameterRanges"].append({"Name": name, **_between(name, ends)})
    return {kind: given for kind, given in found.items() if given}


def _between(name: str, ends: tuple[Any, ...]) -> dict[str, str]:
    if len(ends) != 2 or not all(isinstance(end, int | float) for end in ends):
        raise InvalidInput(
            f"The range of {name} is {ends!r}.",
            hint="Give two numbers, or a list of texts: (0.001, 0.02) or ['sgd', 'adamw'].",
        )
    low, high = sorted(ends)
    wide = low > 0 and high / low >= _LOGARITHMIC_FROM
    return {
        "MinValue": str(low),
        "MaxValue": str(high),
        "ScalingType": "Logarithmic" if wide else "Linear",
    }


def _row(job: dict[str, Any]) -> dict[str, object]:
    objective = job.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    ended, began = job.get("TrainingEndTime"), job.get("TrainingStartTime")
    return {
        "objective": objective.get("Value", float("nan")),
        **{name: _number(value) for name, value in job["TunedHyperParameters"].items()},
        "status": job["TrainingJobStatus"],
        "seconds": round((ended - began).total_seconds(), 1) if ended and began else None,
        "training job": job["TrainingJobName"],
    }


def _number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _short(value: str) -> str:
    number = _number(value)
    return f"{number:.4g}" if isinstance(number, float) else value


def _strings(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
