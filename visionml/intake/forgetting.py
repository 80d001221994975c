"""Delete all that intake and the detector have of an image, for good: every version of it.

The keys follow from the image's id, so what an interrupted attempt has left is found without a
record. The record is first marked, which keeps functions that are at work on the image from going
on, and is last replaced by one that says no more than that there was an image.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from visionml.aws.object_versions import Version
from visionml.aws.s3 import parse_uri, uri
from visionml.aws.table import Item
from visionml.contracts import layout
from visionml.contracts.detector import FOLDERS
from visionml.contracts.images import ImageRecord, ProcessingStatus, image_id
from visionml.errors import InvalidInput, NotFound
from visionml.intake.moments import moment, moment_text

_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


class Objects(Protocol):
    """What is asked of S3: see ``visionml.aws.object_versions.ObjectVersions``."""

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield the versions of the objects below a prefix."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one slash further."""

    def delete(self, versions: Iterable[Version]) -> int:
        """Delete versions for good, and return how many."""


class Items(Protocol):
    """What is asked of the images table: see ``visionml.aws.table.Table``."""

    def query(self, pk: str) -> Iterator[Item]:
        """Yield the items of one partition."""

    def put(self, item: Item) -> None:
        """Write an item."""

    def update(self, pk: str, sk: str, *, facts: Mapping[str, Any]) -> None:
        """Set attributes of a stored item."""

    def delete(self, pk: str, sk: str) -> None:
        """Delete an item."""


class Forgetting:
    """Forgets images of one environment."""

    def __init__(
        self, objects: Objects, items: Items, *, images_bucket: str, originals_bucket: str
    ) -> None:
        self._objects, self._items = objects, items
        self._images, self._originals = images_bucket, originals_bucket

    def records(self, image: str) -> list[ImageRecord]:
        """Return what is recorded of an image, the oldest first."""
        return [ImageRecord.model_validate(item) for item in self._items.query(image)]

    def lying(self, image: str, records: Iterable[ImageRecord]) -> dict[str, list[Version]]:
        """Return the versions that lie in S3 of an image, by kind; marks of deletion too.

        Raises
        ------
        InvalidInput
            That is no image's id. A part of one would be the beginning of many keys.
        """
        if not _IMAGE_ID.fullmatch(image):
            raise InvalidInput(
                f"{image[:80]!r} is no image's id.", hint="It has 32 hexadecimal digits."
            )
        records = list(records)
        found = {
            "upload": self._upload(image, records),
            "image": [
                each
                for folder in (layout.ACCEPTED, *FOLDERS.values())
                for each in self._below(f"{folder}{image}.")
            ],
            "previews": [
                each
                for folder in sorted(self._preview_folders(records))
                for each in self._below(f"{folder}{image}.")
            ],
            "quarantine": self._below(layout.quarantined(image)),
            "original": self._original(image),
        }
        return {kind: versions for kind, versions in found.items() if versions}

    def mark(self, image: str, records: Iterable[ImageRecord]) -> None:
        """Say that an image is being forgotten, so that nobody goes on working on it."""
        for record in records:
            if record.processing_status != ProcessingStatus.FORGOTTEN:
                status = {"ProcessingStatus": ProcessingStatus.FORGOTTEN.value}
                self._items.update(image, moment_text(record.timestamp), facts=status)

    def delete(self, image: str, records: Iterable[ImageRecord]) -> dict[str, int]:
        """Delete what lies in S3 of an image, and return how many versions of each kind.

        A second look finds what a function wrote that had begun before the image was marked.
        """
        counts: dict[str, int] = {}
        records = list(records)
        for _ in range(2):
            for kind, versions in self.lying(image, records).items():
                counts[kind] = counts.get(kind, 0) + self._objects.delete(versions)
        return counts

    def bury(
        self, image: str, records: Iterable[ImageRecord], *, deleted: Mapping[str, int]
    ) -> ImageRecord:
        """Replace an image's records by one that says when it was forgotten and what that was.

        It has the time of the newest one. One that is there already stays as it is.
        """
        known = list(records)
        left = next((record for record in known if _buried(record)), None)
        if left is None:
            now = datetime.now(UTC)
            left = ImageRecord(
                image_id=image,
                timestamp=known[-1].timestamp if known else moment(now),
                processing_status=ProcessingStatus.FORGOTTEN,
                file_size=0,
                image_format="",
                reason=f"Forgotten at {moment_text(now)}. Deleted: {told(deleted)}.",
            )
            self._items.put(left.item())
        for record in known:
            if record.timestamp != left.timestamp:
                self._items.delete(image, moment_text(record.timestamp))
        return left

    def _upload(self, image: str, records: list[ImageRecord]) -> list[Version]:
        """Return the upload, which lies under a key of its sender's; others share that key."""
        keys = {parse_uri(record.source).key for record in records if record.source}
        found = (each for key in keys or {layout.UPLOADS} for each in self._below(key))
        return [each for each in found if image_id(each.bucket, each.key, each.version) == image]

    def _preview_folders(self, records: list[ImageRecord]) -> set[str]:
        known = {
            f"{key.rpartition('/')[0]}/" for record in records for key in record.previews.values()
        }
        return known | set(self._objects.folders(uri(self._images, layout.PREVIEWS)))

    def _original(self, image: str) -> list[Version]:
        try:
            return list(self._objects.below(uri(self._originals, image)))
        except NotFound:  # no originals are kept here
            return []

    def _below(self, prefix: str) -> list[Version]:
        return list(self._objects.below(uri(self._images, prefix)))


def told(deleted: Mapping[str, int]) -> str:
    """Return counts in words, such as ``image 1, previews 3``."""
    return ", ".join(f"{kind} {count}" for kind, count in deleted.items() if count) or "nothing"


def _buried(record: ImageRecord) -> bool:
    """Tell whether a record is the last one, which holds nothing of its image."""
    return record.processing_status == ProcessingStatus.FORGOTTEN and not record.source
