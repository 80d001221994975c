"""One shard of a dataset version, from S3 to S3: what an invocation does of a preparation."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.dataset import ManifestEntry
from visionml.contracts.preparation import ShardOrder, ShardPlace, shard_name
from visionml.dataset.cutting import cut, decoded
from visionml.dataset.forgotten import hashes, without
from visionml.dataset.manifest import parse_manifest
from visionml.dataset.shards import write_shard
from visionml.errors import DatasetInvalid, NotFound

THREADS = 8
"""They wait for S3 more than they compute; each holds one image."""

log = logging.getLogger(__name__)
_TOLD = "split=%s shard=%s images=%d omitted=%d seconds=%.1f"


class Objects(Protocol):
    """What is asked of S3: see ``visionml.aws.s3.Objects``."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def write(self, address: str, content: bytes) -> None:
        """Write an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""


def prepare_shard(
    order: ShardOrder, objects: Objects, *, raw_bucket: str, datasets_bucket: str
) -> int:
    """Write the shard's files, the rows last, and return how many images it holds.

    Images that were forgotten are left out.

    Raises
    ------
    DatasetInvalid
        The version has no such shard, or an image of it is missing, is not the one that was
        imported, or cannot be decoded.
    """
    started = time.perf_counter()
    folder = uri(datasets_bucket, layout.manifest_folder(order.dataset, order.dataset_version))
    left_out = hashes(objects.keys(f"{folder}{layout.FORGOTTEN}"))
    rows, omissions = without(_rows(order, objects, f"{folder}{layout.MANIFEST}"), left_out)

    def read(entry: ManifestEntry) -> bytes:
        try:
            return objects.read_bytes(uri(raw_bucket, entry.key))
        except NotFound:
            raise DatasetInvalid(
                f"The image {entry.key} is missing.",
                hint="It may have outlived the raw bucket's retention: import the folder again.",
            ) from None

    images = decoded(rows, read, image_size=order.image_size, threads=THREADS)
    name = shard_name(order.number)
    with TemporaryDirectory() as scratch:
        for file in write_shard(Path(scratch), name, images, rows, omissions=omissions):
            address = f"{order.prepared_s3_uri}{order.split}/{file}"
            objects.write(address, (Path(scratch) / file).read_bytes())
    seconds = time.perf_counter() - started
    log.info(_TOLD, order.split, name, len(rows), len(omissions), seconds)
    return len(rows)


def _rows(order: ShardOrder, objects: Objects, address: str) -> list[ManifestEntry]:
    entries = parse_manifest(objects.read_bytes(address).decode(), where=address)
    wanted = ShardPlace(split=order.split, number=order.number)
    for place, rows in cut(entries, image_size=order.image_size):
        if place == wanted:
            return rows
    raise DatasetInvalid(
        f"{order.dataset}@{order.dataset_version} has no shard {order.number} of {order.split}.",
        hint="Its record and its manifest disagree: import the dataset again.",
    )
