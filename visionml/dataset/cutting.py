"""The images of a dataset version as shards: which belong together, and their pixels."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from visionml.contracts.dataset import SPLITS, ManifestEntry
from visionml.contracts.preparation import ShardPlace, images_per_shard
from visionml.dataset.shards import Pixels
from visionml.errors import DatasetInvalid, ImageRefused
from visionml.imaging.inspect import Limits
from visionml.imaging.model_input import pixels

_NO_LIMITS = Limits(bytes=sys.maxsize, pixels=sys.maxsize)  # the import has applied its own


def cut(
    entries: Sequence[ManifestEntry], *, image_size: int
) -> Iterator[tuple[ShardPlace, list[ManifestEntry]]]:
    """Yield each shard with its images, which are in the order of their keys."""
    most = images_per_shard(image_size)
    for split in SPLITS:
        chosen = sorted((e for e in entries if e.split == split), key=lambda entry: entry.key)
        for number, start in enumerate(range(0, len(chosen), most)):
            yield ShardPlace(split=split, number=number), chosen[start : start + most]


def decoded(
    entries: Sequence[ManifestEntry],
    read: Callable[[ManifestEntry], bytes],
    *,
    image_size: int,
    threads: int | None = None,
) -> Pixels:
    """Return the images as a model sees them; `read` gets each one's bytes, in several threads.

    Raises
    ------
    DatasetInvalid
        An image is not the one that was imported, or cannot be decoded.
    """
    result = np.empty((len(entries), image_size, image_size, 3), np.uint8)

    def fill(index: int) -> None:
        entry = entries[index]
        data = read(entry)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise DatasetInvalid(
                f"{entry.key} is not the image that was imported: its content has changed.",
                hint="Import the folder again; it makes a new version.",
            )
        try:
            result[index] = pixels(data, height=image_size, width=image_size, limits=_NO_LIMITS)
        except ImageRefused as error:
            raise DatasetInvalid(f"{entry.key} cannot be decoded: {error.message}") from error

    with ThreadPoolExecutor(threads or os.cpu_count(), thread_name_prefix="decode") as pool:
        for _ in pool.map(fill, range(len(entries))):
            pass
    return result
