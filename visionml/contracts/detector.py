"""The detector of cats and dogs: its rules, which are data, and what its steps hand on."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Percent = Annotated[float, Field(ge=0, le=100)]
OTHER: Final = "other"
FOLDERS = {"cat": "cats/", "dog": "dogs/", OTHER: "others/"}
"""Where images of each animal lie in the images bucket; other animals than these are others."""


SMALLEST_SIDE: Final = 80
"""Pixels: Rekognition looks at no picture that is smaller on a side."""


class DetectorRules(BaseModel):
    """Which labels make an image a cat's or a dog's, and when a person should look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    animals: dict[Literal["cat", "dog"], tuple[str, ...]] = {
        "cat": ("Cat", "Kitten"),
        "dog": ("Dog", "Puppy"),
    }
    """Names of Rekognition's labels, or of their parents, that speak for each animal."""
    minimum_confidence: Percent = 50.0
    """An animal below it is none."""
    noticed_confidence: Percent = 30.0
    """An image of none is uncertain if an animal is seen in it with this or more."""
    certain_confidence: Percent = 80.0
    """An image whose animal is found with less is uncertain."""
    smallest_gap: Percent = 10.0
    """Two animals closer together than this make an image uncertain."""
    maximum_labels: Annotated[int, Field(ge=1, le=1000)] = 25

    @property
    def noticed(self) -> float:
        """The confidence from which a label matters."""
        return min(self.noticed_confidence, self.minimum_confidence)

    @model_validator(mode="after")
    def _consistent(self) -> "DetectorRules":
        if self.certain_confidence < self.minimum_confidence:
            raise ValueError("certain_confidence is smaller than minimum_confidence")
        return self


class Label(BaseModel):
    """One thing that the engine saw."""

    model_config = ConfigDict(frozen=True)

    name: str
    confidence: Percent
    parents: tuple[str, ...] = ()


class Uncertainty(StrEnum):
    """Why a person should look at an image."""

    LOW_CONFIDENCE = "low_confidence"
    CLOSE_ANIMALS = "close_animals"
    NOT_LOOKED_AT = "not_looked_at"
    """The engine could not be asked, whatever was tried."""


class Detection(BaseModel):
    """What the rules make of an image's labels."""

    model_config = ConfigDict(frozen=True)

    animal: Literal["cat", "dog", "other"]
    confidence: Percent
    """Of the animal; where there is none, of the strongest label, and 0 where there is no label."""
    uncertainty: Uncertainty | None = None
    reason: str = ""
    """A sentence where the image is uncertain."""
    labels: tuple[Label, ...] = ()
    """The strongest ones, for who looks into a decision."""
    label_model_version: str = ""


class DetectionOrder(BaseModel):
    """The input of the detector's machine: an image that intake has accepted."""

    model_config = ConfigDict(frozen=True)

    image_id: str
    timestamp: AwareDatetime
    """With the id the key of the image's record."""
    key: str
    """Of the clean image in the images bucket, below ``accepted/``."""
    picture: str
    """Key of what the engine is shown, the largest preview: Rekognition reads no WebP, and nothing
    of more than 10,000 pixels a side."""
    told: bool = False
    """People know already that the image could not be looked at."""


class DetectionFailure(BaseModel):
    """What kept the detector from looking at an image."""

    model_config = ConfigDict(frozen=True)

    error: str
    cause: str


class OrganiseOrder(BaseModel):
    """What FileManager is asked: an order with its detection, or with what prevented one."""

    model_config = ConfigDict(frozen=True)

    order: DetectionOrder
    detection: Detection | None = None
    failure: DetectionFailure | None = None

    @model_validator(mode="after")
    def _one(self) -> "OrganiseOrder":
        if (self.detection is None) == (self.failure is None):
            raise ValueError("exactly one of detection and failure must be given")
        return self


class Organised(BaseModel):
    """What FileManager answers, and what NotificationService is asked with."""

    model_config = ConfigDict(frozen=True)

    image_id: str
    timestamp: AwareDatetime
    key: str
    """Where the image lies now."""
    preview_key: str | None
    """Of the preview of the middle size."""
    detection: Detection
    """Of an image that could not be looked at: ``other`` with 0, ``not_looked_at``."""


class UncertainImage(BaseModel):
    """What the topic tells people of an image that they should look at."""

    model_config = ConfigDict(frozen=True)

    image_id: str
    uncertainty: Uncertainty
    reason: str
    animal: str
    confidence: Percent
    s3_location: str
    preview_url: str | None
    """A signed link to the preview; whoever has it may look until it expires."""
    preview_expires: AwareDatetime | None
