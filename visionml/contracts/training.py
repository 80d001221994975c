"""The input of the training machine and of the jobs it starts."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from visionml.contracts.dataset import DatasetName
from visionml.contracts.evaluation import Verdict

BELOW_GATE = "ModelBelowGate"
"""The error with which the training machine ends when the model did not pass."""

START_STEP = "RecordStarted"
"""The training machine's first step, which refuses a run id that exists."""

RunId = Annotated[str, Field(pattern=r"^run-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$")]


def new_run_id(now: datetime | None = None) -> str:
    """Return ``run-YYYYMMDD-HHMMSS-xxxx``: it sorts by time and is the model's version."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"run-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class TrainingRequest(BaseModel):
    """The training machine's input; a run id never trains twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: RunId
    dataset: DatasetName
    dataset_version: str
    architecture: str = "small-cnn"
    image_size: Annotated[int, Field(ge=8, le=1024)] = 32
    hyperparameters: dict[str, str] = {}
    """As SageMaker passes them: strings. Unknown ones fail the job."""


class RunEvent(BaseModel):
    """What ``handlers/run_recorder.py`` is told: ``started`` refuses a run id that exists."""

    model_config = ConfigDict(frozen=True)

    action: Literal["started", "rejected", "failed", "registered"]
    request: TrainingRequest
    execution: str | None = None
    """The machine's execution ARN; the same execution may say ``started`` again, as retries do."""
    step: str | None = None
    error: str | None = None
    cause: str | None = None
    verdict: Verdict | None = None


class GateRequest(BaseModel):
    """What ``handlers/evaluation_gate.py`` is told; it answers a ``Verdict``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    evaluation_s3_uri: str


class RegistrationRequest(BaseModel):
    """What ``handlers/model_registrar.py`` is told; it answers a ``RegisteredModel``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    artefact_s3_uri: str
    evaluation_s3_uri: str
    verdict: Verdict


class RegisteredModel(BaseModel):
    """A model version and the SageMaker model package that holds it."""

    model_config = ConfigDict(frozen=True)

    model_version: RunId
    model_package_arn: str
