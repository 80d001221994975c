"""The metadata parameter of a registered model version."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from visionml.contracts.training import RunId


class VersionRecord(BaseModel):
    """One model version: the JSON in ``Names.version_parameter``, enough to deploy it."""

    model_config = ConfigDict(frozen=True)

    version: RunId
    model_package_arn: str
    artefact: str
    """``s3://`` URI of model.tar.gz."""
    image: str
    metrics: dict[str, float]
    """Holdout figures, such as ``accuracy``."""
    recommended: bool = True
    """False where the model that served was as good, or could not be compared with it."""
    dataset: str
    dataset_version: str
    created: datetime
    expired: datetime | None = None
    """When its artefact was cleaned, long after it was retired; it cannot be deployed any more."""


class BaselineRecord(BaseModel):
    """What a version in production is watched against: the JSON in ``Names.baseline_parameter``.

    Written once its rollout has ended, never before.
    """

    model_config = ConfigDict(frozen=True)

    version: RunId
    deployment_id: str
    dataset: str
    dataset_version: str
    evaluation: str
    """``s3://`` URI of the evaluation report."""
    written: datetime
