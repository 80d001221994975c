"""Holdout images whose class is known, to ask a model for."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.dataset import ManifestEntry
from visionml.dataset.manifest import parse_manifest
from visionml.errors import AccessDenied, NotFound

MOST_BYTES = 64 * 1024 * 1024
"""Of all images together: they are kept in memory."""


class ImageStore(Protocol):
    """Objects by ``s3://`` URI: ``visionml.aws.s3.Objects``."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes; raise NotFound when there is none."""

    def lines(self, address: str) -> Iterator[str]:
        """Yield an object's lines; raise NotFound when there is none."""


@dataclass(frozen=True)
class KnownImage:
    """An image as it is sent, and its class."""

    label: str
    content_type: str
    content: bytes
    key: str = ""
    """In the raw bucket."""


def read(
    objects: ImageStore,
    *,
    raw_bucket: str,
    datasets_bucket: str,
    dataset: tuple[str, str],
    count: int,
) -> list[KnownImage]:
    """Return up to `count` holdout images of a dataset, given as its name and version.

    Images that are no longer there are left out.

    Raises
    ------
    NotFound
        There is no such dataset version, or none of its images is left.
    """
    manifest = uri(datasets_bucket, layout.manifest_folder(*dataset) + layout.MANIFEST)
    found = []
    for entry in choose(objects.lines(manifest), count, where=manifest):
        try:
            content = objects.read_bytes(uri(raw_bucket, entry.key))
        # who may list nothing but a prefix is told 403 of an object that is not there
        except (NotFound, AccessDenied):
            continue
        found.append(KnownImage(entry.label, f"image/{entry.format}", content, entry.key))
    if not found:
        raise NotFound(
            f"None of the holdout images of {'@'.join(dataset)} can be read from {raw_bucket}.",
            hint="Import the dataset again, or choose a version whose images are kept.",
        )
    return found


def choose(lines: Iterable[str], count: int, *, where: str) -> list[ManifestEntry]:
    """Return up to `count` holdout entries of a manifest's lines, the same ones every time.

    Classes come equally often as far as they have images. Within a class, and among the classes
    where there are more of them than `count`, the order is that of the hashes: as good as random.
    """
    classes: dict[str, list[tuple[int, ManifestEntry]]] = defaultdict(list)
    for line in lines if count else ():
        if '"holdout"' not in line:
            continue
        (entry,) = parse_manifest(line, where=where)
        if entry.split == "holdout":
            _keep(classes[entry.label], entry, most=count)
    ranked = [
        (rank, entry.sha256, entry)
        for kept in classes.values()
        for rank, (_, entry) in enumerate(sorted(kept, key=lambda each: each[1].sha256))
    ]
    in_order = [entry for _, _, entry in sorted(ranked, key=lambda each: each[:2])]
    return list(_within(in_order[:count], MOST_BYTES))


def _keep(kept: list[tuple[int, ManifestEntry]], entry: ManifestEntry, *, most: int) -> None:
    """Keep the entries of the smallest hashes, as a heap with the largest of them on top."""
    item = (-int(entry.sha256, 16), entry)
    if len(kept) < most:
        heapq.heappush(kept, item)
    elif item[0] > kept[0][0]:
        heapq.heapreplace(kept, item)


def _within(entries: list[ManifestEntry], most_bytes: int) -> Iterator[ManifestEntry]:
    left = most_bytes
    for entry in entries:
        if entry.bytes <= left:
            left -= entry.bytes
            yield entry
