"""What experiments with two variants go by: who asked, and what the images really showed."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CALLER_HEADER = "x-caller-id"
"""Names who asks, in whatever words: the same caller is answered by the same variant."""

Label = Annotated[str, Field(min_length=1, max_length=256)]


class Truth(BaseModel):
    """The body of ``POST /predictions/{id}/truth``: what the image really shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Label


class ToldTruth(BaseModel):
    """The body of its answer."""

    model_config = ConfigDict(frozen=True)

    prediction_id: str
    label: str
    """The true one."""
    predicted: str
    right: bool


class KeptAnswer(BaseModel):
    """What is kept of an answer, so that its truth can be told later."""

    model_config = ConfigDict(frozen=True)

    prediction_id: str
    time: AwareDatetime
    variant: str
    model_version: str
    label: str
    probability: float


class LabelCount(BaseModel):
    """The answers of one hour by one model as one variant whose truth is known."""

    model_config = ConfigDict(frozen=True)

    hour: AwareDatetime
    """In which they were given."""
    variant: str
    model_version: str
    labelled: int
    right: int
