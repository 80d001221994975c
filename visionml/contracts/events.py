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


class DatasetReady(BaseModel):
    """The detail of ``Dataset Ready``."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName
    version: str
    created: datetime
    """When the version was first imported: equal in all events about it."""
    images: int
    classes: int
