"""A SageMaker training job, whoever started it: what it was asked for, and what it logged."""

from typing import TYPE_CHECKING

import pandas as pd

from visionml.aws import logs
from visionml.aws.errors import translated
from visionml.desks.platform import Platform
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef


def described(platform: Platform, job: str) -> "DescribeTrainingJobResponseTypeDef":
    """Return SageMaker's description of a training job.

    Raises
    ------
    NotFound
        There is no such job.
    """
    with translated(f"look at the training job {job}"):
        return platform.aws.sagemaker.describe_training_job(TrainingJobName=job)


def log(platform: Platform, job: str) -> list[str]:
    """Return the lines of a training job's log."""
    found = logs.lines(platform.aws.logs, logs.TRAINING_JOBS, stream_prefix=f"{job}/")
    return [line.text for line in found]


def epochs(platform: Platform, job: str) -> pd.DataFrame:
    """Return the figures that a training job logged, one row per epoch.

    Raises
    ------
    NotFound
        It has logged none.
    """
    rows = [_figures(line) for line in log(platform, job) if line.startswith("epoch=")]
    if not rows:
        raise NotFound(
            f"The training job {job} has logged no epoch.",
            hint="Wait until it runs, or see why it failed in its log.",
        )
    return pd.DataFrame(rows).astype({"epoch": int}).set_index("epoch")


def _figures(line: str) -> dict[str, float]:
    pairs = (pair.split("=", 1) for pair in line.split() if "=" in pair)
    return {name: float(value) for name, value in pairs}
