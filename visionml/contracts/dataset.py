"""Records of datasets: one manifest line per image, one record per version."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Split = Literal["train", "validation", "holdout"]
SPLITS: tuple[Split, ...] = ("train", "validation", "holdout")

DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class ManifestEntry(BaseModel):
    """One accepted image of a dataset version."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Object key in the raw bucket."""
    label: str
    split: Split
    sha256: str
    """Of the object's bytes, in hexadecimal."""
    group: str | None = None
    """Images of one group never stand on two sides of a split."""
    width: int
    height: int
    format: Literal["jpeg", "png", "webp"]
    bytes: int


class RefusedImage(BaseModel):
    """One file that was left out, and why."""

    model_config = ConfigDict(frozen=True)

    file: str
    reason: str
    """A stable code: one of `visionml.imaging.inspect`, or ``unreadable``, ``bad_label``,
    ``duplicate``, ``conflicting_label``."""
    detail: str


class ForgottenImage(BaseModel):
    """Says of an image of a dataset version that it was deleted on request."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Of the copy in the raw bucket that is gone."""
    image_id: str
    forgotten: datetime


class Omission(BaseModel):
    """An image of a manifest that its shard does not hold, as it stands beside the shard."""

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    reason: Literal["forgotten"] = "forgotten"


class DatasetRecord(BaseModel):
    """One dataset version; ``version`` is the hash of its manifest."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName
    version: str
    created: datetime
    source: str
    classes: tuple[str, ...]
    counts: dict[Split, dict[str, int]]
    """Images by split and class."""
    refused: int
    seed: int

    @property
    def images(self) -> int:
        """The number of accepted images."""
        return sum(sum(classes.values()) for classes in self.counts.values())
