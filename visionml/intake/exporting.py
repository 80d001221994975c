"""Records of images as rows of the table ``image_records``: an object for each hour of a day.

DynamoDB's own export to S3 is of whole tables and has its own form and folders, so a day's records
are read by the index of statuses instead. An hour's object is written anew whenever it is
exported: what became of an image later replaces what was known of it before.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from visionml.aws.s3 import Objects, uri
from visionml.contracts.images import LARGEST_PAGE, STATUS_INDEX, ImageRecord, ProcessingStatus
from visionml.contracts.tables import IMAGE_RECORDS
from visionml.intake.moments import moment_text
from visionml.intake.questions import Question
from visionml.intake.records import Images

_HOURS = 24


class Exporter:
    """Writes days of records to the results bucket."""

    def __init__(self, images: Images, objects: Objects, bucket: str) -> None:
        self._images, self._objects, self._bucket = images, objects, bucket

    def export(self, day: date) -> int:
        """Export a day, and return how many images it had."""
        exported = 0
        for hour in range(_HOURS):
            start = datetime.combine(day, time(hour), UTC)
            lines = [json.dumps(row_of(record)) for record in self._of(start)]
            key = f"{IMAGE_RECORDS.folder(day.isoformat())}records-{hour:02}.json"
            # one that was written before is emptied, too
            if lines or self._objects.exists(uri(self._bucket, key)):
                self._objects.write(uri(self._bucket, key), "".join(f"{each}\n" for each in lines))
            exported += len(lines)
        return exported

    def _of(self, start: datetime) -> Iterator[ImageRecord]:
        """Yield the records of an hour."""
        end = start + timedelta(hours=1) - timedelta(seconds=1)
        for status in ProcessingStatus:
            question = Question(
                index_name=STATUS_INDEX,
                partition=("ProcessingStatus", status.value),
                between=(moment_text(start), moment_text(end)),
                also={},
                limit=LARGEST_PAGE,
                after=None,
            )
            while True:
                page = self._images.ask(question)
                yield from page.images
                if page.next is None:
                    break
                question = question.going_on(page.next)


def row_of(record: ImageRecord) -> dict[str, Any]:
    """Return a record as a row: without its owner, and without the names of objects."""
    refusal = record.refusal
    statistics = record.statistics
    return {
        "image_id": record.image_id,
        "time": record.timestamp.isoformat(),
        "status": record.processing_status.value,
        "label": record.detected_animal,
        "confidence": record.confidence_score,
        "reason": refusal.reason.value if refusal else record.reason,
        "image_format": record.image_format,
        "bytes": record.file_size,
        "width": record.width,
        "height": record.height,
        "content_sha256": record.content_hash,
        "statistics": statistics.model_dump() if statistics else None,
    }
