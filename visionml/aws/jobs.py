"""What became of SageMaker's processing, training and tuning jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Kind = Literal["processing", "training", "tuning"]

_UNDER_WAY = frozenset({"InProgress", "Stopping"})


@dataclass(frozen=True)
class Job:
    """One job as SageMaker describes it."""

    name: str
    status: str
    artefact: str = ""
    """``s3://`` URI of a training job's model; empty before there is one."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The last value of each figure that a training job logged."""

    @property
    def completed(self) -> bool:
        """Whether it has ended well."""
        return self.status == "Completed"

    @property
    def under_way(self) -> bool:
        """Whether it has yet to end."""
        return self.status in _UNDER_WAY


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning."""

    name: str
    status: str
    value: float | None
    """Of the tuning's objective; None before a job has told one."""
    tuned: Mapping[str, str]
    """The hyperparameters that the tuning chose for it."""


class Jobs:
    """Reads SageMaker's jobs."""

    def __init__(self, client: "SageMakerClient") -> None:
        self._client = client

    def find(self, kind: Kind, name: str) -> Job | None:
        """Return a job, or None when there is none of that name."""
        try:
            return self.describe(kind, name)
        except NotFound:
            return None

    def describe(self, kind: Kind, name: str) -> Job:
        """Return a job.

        Raises
        ------
        NotFound
            There is no job of that name.
        """
        with translated(f"describe the {kind} job {name}"):
            if kind == "processing":
                status: str = self._client.describe_processing_job(ProcessingJobName=name)[
                    "ProcessingJobStatus"
                ]
                return Job(name, status)
            if kind == "tuning":
                status = self._client.describe_hyper_parameter_tuning_job(
                    HyperParameterTuningJobName=name
                )["HyperParameterTuningJobStatus"]
                return Job(name, status)
            found: Mapping[str, Any] = self._client.describe_training_job(TrainingJobName=name)
        return Job(
            name,
            found["TrainingJobStatus"],
            artefact=found.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""),
            metrics={
                metric["MetricName"]: metric["Value"]
                for metric in found.get("FinalMetricDataList", [])
            },
        )

    def trials(self, tuning_job: str) -> Iterator[Trial]:
        """Yield the training jobs of a tuning job."""
        pages = self._client.get_paginator(
            "list_training_jobs_for_hyper_parameter_tuning_job"
        ).paginate(HyperParameterTuningJobName=tuning_job)
        with translated(f"list the training jobs of the tuning job {tuning_job}"):
            for page in pages:
                for found in page["TrainingJobSummaries"]:
                    objective = found.get("FinalHyperParameterTuningJobObjectiveMetric")
                    yield Trial(
                        name=found["TrainingJobName"],
                        status=found["TrainingJobStatus"],
                        value=objective["Value"] if objective else None,
                        tuned=dict(found["TunedHyperParameters"]),
                    )
