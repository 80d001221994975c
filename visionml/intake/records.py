"""The images table: what is known of each image, written so that nothing is counted twice."""

from visionml.aws.s3 import parse_uri
from visionml.aws.table import Table
from visionml.contracts.detector import Detection, DetectionOrder, Uncertainty
from visionml.contracts.images import ImageList, ImageRecord, ProcessingStatus
from visionml.errors import Conflict
from visionml.intake.moments import moment_text
from visionml.intake.questions import Question

KEYS = ("ImageID", "Timestamp")

_OF_DETECTION = (
    "ProcessingStatus",
    "S3Location",
    "DetectedAnimal",
    "ConfidenceScore",
    "Uncertainty",
    "Reason",
    "Labels",
    "LabelModelVersion",
)

_OF_RETRIES = ("ProcessingStatus", "Retries", "GivenUp")


def status_of(detection: Detection) -> ProcessingStatus:
    """Return how far an image has come by what the detector made of it."""
    if detection.uncertainty is None:
        return ProcessingStatus.ORGANISED
    if detection.uncertainty is Uncertainty.NOT_LOOKED_AT:
        return ProcessingStatus.FAILED
    return ProcessingStatus.UNCERTAIN


def with_detection(record: ImageRecord, detection: Detection, location: str) -> ImageRecord:
    """Return an image's record once it lies where its detection says."""
    return record.model_copy(
        update={
            "processing_status": status_of(detection),
            "s3_location": location,
            "detected_animal": detection.animal,
            "confidence_score": detection.confidence,
            "uncertainty": detection.uncertainty,
            "reason": detection.reason,
            "labels": detection.labels,
            "label_model_version": detection.label_model_version,
        }
    )


def order_of(record: ImageRecord) -> DetectionOrder:
    """Return what the detector is asked about an accepted image."""
    return DetectionOrder(
        image_id=record.image_id,
        timestamp=record.timestamp,
        key=parse_uri(record.s3_location or "").key,
        picture=record.previews[max(record.previews, key=int)],
        told=record.uncertainty is Uncertainty.NOT_LOOKED_AT,
    )


class Images:
    """Reads and writes records in a table with the keys `KEYS`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, image_id: str) -> ImageRecord | None:
        """Return what is known of an image, as last written."""
        found = self._table.newest(image_id)
        return None if found is None else ImageRecord.model_validate(found)

    def add(self, record: ImageRecord) -> bool:
        """Write a new record and return True; False where there is one already."""
        try:
            self._table.put(record.item(), expected={KEYS[0]: None})
        except Conflict:
            return False
        return True

    def organise(self, record: ImageRecord) -> bool:
        """Write what the detector made of an accepted image; False where that was done before.

        Or where the image was forgotten meanwhile.
        """
        item = record.item()
        try:
            self._table.update(
                record.image_id,
                moment_text(record.timestamp),
                facts={name: item.get(name) for name in _OF_DETECTION},
                expected={"ProcessingStatus": ProcessingStatus.ACCEPTED},
            )
        except Conflict:
            return False
        return True

    def try_again(self, record: ImageRecord, *, retries: int) -> ImageRecord | None:
        """Have an image accepted once more, and return its record; None where it has changed."""
        changed = record.model_copy(
            update={
                "processing_status": ProcessingStatus.ACCEPTED,
                "retries": retries,
                "given_up": None,
            }
        )
        return changed if self._change(record, changed, ()) else None

    def give_up(self, record: ImageRecord, detection: Detection) -> ImageRecord | None:
        """Have an image failed for good, and return its record; None where it has changed."""
        location = record.s3_location or ""
        changed = with_detection(record, detection, location).model_copy(update={"given_up": True})
        return changed if self._change(record, changed, _OF_DETECTION) else None

    def _change(self, before: ImageRecord, after: ImageRecord, facts: tuple[str, ...]) -> bool:
        item = after.item()
        try:
            self._table.update(
                before.image_id,
                moment_text(before.timestamp),
                facts={name: item.get(name) for name in {*facts, *_OF_RETRIES}},
                expected={
                    "ProcessingStatus": before.processing_status,
                    "Retries": before.retries,
                    "S3Location": before.s3_location,
                },
            )
        except Conflict:
            return False
        return True

    def ask(self, question: Question) -> ImageList:
        """Return a page of images, newest first."""
        items, after = self._table.page(
            question.index_name,
            partition=question.partition,
            between=question.between,
            also=question.also,
            limit=question.limit,
            after=question.after,
        )
        return ImageList(
            images=tuple(map(ImageRecord.model_validate, items)),
            next=question.next(after) if after else None,
        )
