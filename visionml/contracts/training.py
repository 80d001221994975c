"""The input of the training machine and of the jobs it starts."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from visionml.contracts.dataset import DatasetName

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
