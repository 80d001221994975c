"""What the container and the API answer."""

from pydantic import BaseModel, ConfigDict


class ContainerPrediction(BaseModel):
    """The body of a container's answer to one image."""

    model_config = ConfigDict(frozen=True)

    label: str
    probability: float
    probabilities: dict[str, float]
    model_version: str


class Prediction(ContainerPrediction):
    """The body of ``POST /inference``."""

    prediction_id: str
    variant: str
    latency_ms: float
    """Of the endpoint, as the adapter saw it."""


class ErrorDetail(BaseModel):
    """What went wrong, in a code for programs and a sentence for people."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    limit: int | None = None
    """The limit that was exceeded, in the unit the message names."""


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail
