"""Take an image out of the dataset versions that hold it.

The manifest stays, since its hash is the version: it says by hash and key that there was an image.
Beside it is written that the image was forgotten, the list of objects that jobs read no longer
names it, its copy is deleted, and so are the version's shards, which are made again without it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from visionml.aws.object_versions import Version
from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.dataset import ForgottenImage, ManifestEntry
from visionml.dataset.forgotten import hashes
from visionml.dataset.manifest import objects_text, parse_manifest

COPIES, SHARD_FILES = "copies in datasets", "files of shards"
"""What is deleted of a dataset version."""


class Objects(Protocol):
    """What is asked of S3: see ``visionml.aws.s3.Objects``."""

    def lines(self, address: str) -> Iterator[str]:
        """Yield an object's lines."""

    def write(self, address: str, content: str, *, content_type: str = "") -> None:
        """Write an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""


class Versions(Protocol):
    """What is asked of S3's versions: see ``visionml.aws.object_versions.ObjectVersions``."""

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield the versions of the objects below a prefix."""

    def delete(self, versions: Iterable[Version]) -> int:
        """Delete versions for good, and return how many."""


class Holders:
    """The dataset versions of one environment, where they hold what is to be forgotten."""

    def __init__(
        self, objects: Objects, versions: Versions, *, raw_bucket: str, datasets_bucket: str
    ) -> None:
        self._objects, self._versions = objects, versions
        self._raw, self._datasets = raw_bucket, datasets_bucket

    def copies(self, entry: ManifestEntry) -> list[Version]:
        """Return every version of an image's copy."""
        found = self._versions.below(uri(self._raw, entry.key))
        return [each for each in found if each.key == entry.key]

    def shards(self, dataset: str, version: str) -> list[Version]:
        """Return every version of every file of a dataset version's shards."""
        prefix = layout.prepared_versions(dataset, version)
        return list(self._versions.below(uri(self._datasets, prefix)))

    def forget(
        self, dataset: str, version: str, entry: ManifestEntry, *, image_id: str, now: datetime
    ) -> dict[str, int]:
        """Take an image out of a version; return how many versions of objects were deleted."""
        mark = layout.forgotten_image(dataset, version, entry.sha256)
        if mark not in self._objects.keys(uri(self._datasets, mark)):
            said = ForgottenImage(key=entry.key, image_id=image_id, forgotten=now)
            self._write(mark, said.model_dump_json())
        self._unlist(dataset, version)
        return {
            COPIES: self._versions.delete(self.copies(entry)),
            SHARD_FILES: self._versions.delete(self.shards(dataset, version)),
        }

    def _unlist(self, dataset: str, version: str) -> None:
        """Leave the forgotten images out of what jobs read: a missing object would fail them.

        Somebody else may forget another image of the version meanwhile.
        """
        folder = layout.manifest_folder(dataset, version)
        manifest = uri(self._datasets, f"{folder}{layout.MANIFEST}")
        left_out: frozenset[str] | None = None
        while left_out != (lost := self._lost(folder)):
            left_out = lost
            keys = [
                entry.key
                for line in self._objects.lines(manifest)
                for entry in parse_manifest(line, where=manifest)
                if entry.sha256 not in lost
            ]
            text = objects_text(keys, bucket=self._raw, prefix=layout.raw_images(dataset))
            self._write(f"{folder}{layout.OBJECTS}", text)

    def _lost(self, folder: str) -> frozenset[str]:
        return hashes(self._objects.keys(uri(self._datasets, f"{folder}{layout.FORGOTTEN}")))

    def _write(self, key: str, content: str) -> None:
        self._objects.write(uri(self._datasets, key), content, content_type="application/json")
