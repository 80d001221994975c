"""How the images of a dataset version are cut into shards, and what prepares one of them.

A shard is the unit of the work: a processing job writes one after the other, and for a small
version an invocation of a function writes one each. Both cut alike, so both leave the same files.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from visionml.contracts.dataset import SPLITS, DatasetName, Split

SHARD_BYTES = 64 * 1024 * 1024
"""A shard is built in memory and read as one file."""

SHARD_IMAGES = 512
"""A function decodes them in 8 minutes, of the 15 it may run, if each takes the longest: 1.5 s."""


SHARD_SECONDS = 900
"""How long Lambda lets a function run at most."""


class ShardPlace(BaseModel):
    """One shard of a dataset version."""

    model_config = ConfigDict(frozen=True)

    split: Split
    number: Annotated[int, Field(ge=0)]
    """From 0 within its split, in the order of the images' keys."""


class ShardOrder(ShardPlace):
    """What the function is told that prepares one shard; it answers a ``ShardPrepared``."""

    dataset: DatasetName
    dataset_version: str
    image_size: Annotated[int, Field(ge=8, le=1024)]
    prepared_s3_uri: str
    """The folder of the shards, above that of each split; ends with a slash."""


class ShardPrepared(BaseModel):
    """A shard that has been written."""

    model_config = ConfigDict(frozen=True)

    images: int


def images_per_shard(image_size: int) -> int:
    """Return how many RGB images of a height and width in pixels one shard holds at most."""
    return max(1, min(SHARD_IMAGES, SHARD_BYTES // (image_size * image_size * 3)))


def shard_places(
    counts: Mapping[Split, Mapping[str, int]], *, image_size: int
) -> tuple[ShardPlace, ...]:
    """Return the shards of a dataset version, whose images are counted by split and class."""
    most = images_per_shard(image_size)
    return tuple(
        ShardPlace(split=split, number=number)
        for split in SPLITS
        for number in range(math.ceil(sum(counts.get(split, {}).values()) / most))
    )


def shard_name(number: int, *, host: int = 0) -> str:
    """Return the name of a shard's files, which sorts by host and number."""
    return f"part-{host:02d}-{number:05d}"


def shard_files(folder: str, places: Iterable[ShardPlace]) -> list[str]:
    """Return the last file that the preparation of each shard writes below a folder."""
    return [f"{folder}{place.split}/{shard_name(place.number)}.jsonl" for place in places]
