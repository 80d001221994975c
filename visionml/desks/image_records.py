"""The images table, read as a table: by id, by what was uploaded, by status, animal and user."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

import pandas as pd

from visionml.aws.table import Item
from visionml.contracts.images import LARGEST_PAGE, ImageRecord, ProcessingStatus
from visionml.errors import NotFound
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.questions import Question, question_of

_SHOWN = {
    "image_id": "image",
    "processing_status": "status",
    "detected_animal": "animal",
    "confidence_score": "confidence",
    "image_format": "format",
    "file_size": "bytes",
    "user_id": "user",
    "timestamp": "time",
    "reason": "reason",
    "s3_location": "location",
}

Moment = str | datetime
"""A moment, or as text in the form of ISO 8601; without a zone it is UTC, a day is all of it."""


class Items(Protocol):
    """What is asked of DynamoDB: see ``visionml.aws.table.Table``."""

    def query(self, pk: str) -> Iterator[Item]:
        """Yield the items of one partition."""

    def page(
        self,
        index: str,
        *,
        partition: tuple[str, str],
        between: tuple[str, str],
        also: Mapping[str, str],
        limit: int,
        after: tuple[str, str] | None = None,
    ) -> tuple[list[Item], tuple[str, str] | None]:
        """Return items of an index, the newest first, and where to go on."""


class ImageRecords:
    """What intake and the detector have recorded."""

    def __init__(self, items: Items, pseudonyms: Pseudonyms) -> None:
        self._items, self.pseudonyms = items, pseudonyms

    def all_of(self, image_id: str) -> list[ImageRecord]:
        """Return the records of one image, the oldest first: one, as a rule."""
        return [ImageRecord.model_validate(item) for item in self._items.query(image_id)]

    def get(self, image_id: str) -> ImageRecord:
        """Return an image's newest record.

        Raises
        ------
        NotFound
            Intake knows no such image, or not yet.
        """
        found = self.all_of(image_id)
        if not found:
            raise NotFound(
                f"There is no image {image_id!r}.",
                hint="Intake knows an image some seconds after it was sent; `visionml images`"
                " lists them.",
            )
        return found[-1]

    def of_upload(self, sha256: str) -> Iterator[ImageRecord]:
        """Yield the images whose file had this hash when it was sent, the newest first."""
        yield from self._asked(sha256=sha256)

    def listed(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> Iterator[ImageRecord]:
        """Yield the images that are all that is asked for, the newest first.

        Raises
        ------
        RequestRefused
            There is no such status or label, or a moment is none.
        """
        time = {"from": _text(since), "to": _text(until)}
        if status or label or user:
            yield from self._asked(status=status, label=label, user=user, **time)
            return
        of_each = [self._asked(status=each, **time) for each in ProcessingStatus]
        yield from heapq.merge(*of_each, key=lambda record: record.timestamp, reverse=True)

    def _asked(self, **parameters: str | None) -> Iterator[ImageRecord]:
        given = {name: str(value) for name, value in parameters.items() if value}
        question: Question | None = question_of(given, pseudonyms=self.pseudonyms)
        while question:
            items, after = self._items.page(
                question.index_name,
                partition=question.partition,
                between=question.between,
                also=question.also,
                limit=LARGEST_PAGE,
                after=question.after,
            )
            yield from map(ImageRecord.model_validate, items)
            question = question._replace(after=after) if after else None


def frame(records: Iterable[ImageRecord], *, limit: int | None = None) -> pd.DataFrame:
    """Return records as a table, one row an image, with what people look for first."""
    rows = [_row(record) for record in islice(records, limit)]
    return pd.DataFrame(rows, columns=pd.Index(_SHOWN.values())).set_index("image")


def _row(record: ImageRecord) -> dict[str, Any]:
    row = {shown: getattr(record, name) for name, shown in _SHOWN.items()}
    row["status"] = record.processing_status.value
    row["time"] = record.timestamp.astimezone(UTC)
    if record.refusal:
        row["reason"] = record.refusal.sentence
    return row


def _text(moment: Moment | None) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment
