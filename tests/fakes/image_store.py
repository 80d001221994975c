"""A dataset version with its images, as the buckets hold them."""

import hashlib
from collections.abc import Iterator

from visionml.contracts.dataset import ManifestEntry, Split
from visionml.dataset.manifest import manifest_text
from visionml.errors import NotFound

MANIFEST = "s3://datasets/manifests/digits/v1/manifest.jsonl"
RAW = "raw"


class MemoryImages:
    """Stands for ``visionml.aws.s3.Objects``: manifests by address, images by key."""

    def __init__(self, entries: list[ManifestEntry]) -> None:
        self.texts = {MANIFEST: manifest_text(entries)}
        self.images = {f"s3://{RAW}/{entry.key}": entry.key.encode() for entry in entries}

    def read_bytes(self, address: str) -> bytes:
        if address not in self.images:
            raise NotFound(f"There is no {address}.")
        return self.images[address]

    def lines(self, address: str) -> Iterator[str]:
        if address not in self.texts:
            raise NotFound(f"There is no {address}.")
        yield from self.texts[address].splitlines()


def entry(label: str, number: int, split: Split = "holdout", size: int = 100) -> ManifestEntry:
    """Return an image of a class; its content is its key."""
    key = f"images/digits/{label}/{number}.png"
    return ManifestEntry(
        key=key,
        label=label,
        split=split,
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        width=8,
        height=8,
        format="png",
        bytes=size,
    )
