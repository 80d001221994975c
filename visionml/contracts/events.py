"""Events that the platform publishes on the account's default bus."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from visionml.contracts.dataset import DatasetName

DATASET_SOURCE = "visionml.dataset"
DATASET_READY = "Dataset Ready"
"""Published after every import, of a version that was there already too."""

TRAINING_SOURCE = "visionml.training"
RUN_COMPLETED = "Training Run Completed"
RUN_REJECTED = "Training Run Rejected"
RUN_FAILED = "Training Run Failed"

DEPLOYMENT_SOURCE = "visionml.deployment"
DEPLOYMENT_ENDED = "Deployment Ended"
"""Its detail is a ``DeploymentOutcome``: promoted, rolled_back, failed or unchanged."""

BATCH_SOURCE = "visionml.batch"
BATCH_FINISHED = "Batch Finished"
"""Its detail is a ``BatchSummary``: every part is done, or some are missing."""
BATCH_BROKEN = "Batch Broken"
"""A run could not be planned or counted; its detail says at which step, and why."""


MONITORING_SOURCE = "visionml.monitoring"
DRIFT_DETECTED = "Drift Detected"
"""Published once for each drift that stays: when the reports have become an alarm."""
BASELINE_MISSING = "Baseline Missing"
"""A version serves that there is nothing to compare with; its detail is a `BaselineMissing`."""


class DriftDetected(BaseModel):
    """The detail of ``Drift Detected``."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    variant: str
    dataset: DatasetName
    """What the model was trained on."""
    report_id: str
    report: str
    """``s3://`` URI of its JSON; the page lies beside it."""
    time: datetime
    """The end of the window."""
    since: datetime
    score: float
    threshold: float
    moved: tuple[str, ...]
    """What moved, the most surprising first."""


class BaselineMissing(BaseModel):
    """The detail of ``Baseline Missing``."""

    model_config = ConfigDict(frozen=True)

    model_version: str


class DatasetReady(BaseModel):
    """The detail of ``Dataset Ready``."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName
    version: str
    created: datetime
    """When the version was first imported: equal in all events about it."""
    images: int
    classes: int
