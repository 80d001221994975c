"""What becomes of one image: an answer, or the reason why there is none."""

from dataclasses import dataclass
from typing import NamedTuple

from visionml.contracts.batch import BatchInput
from visionml.contracts.inference import ContainerPrediction, ErrorDetail


class Image(NamedTuple):
    """An image that was read."""

    source: BatchInput
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of an image."""

    prediction: ContainerPrediction
    variant: str
    latency_ms: float | None
    """The image's share of the call that answered."""


Outcome = Answer | ErrorDetail
