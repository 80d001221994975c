"""From ``accepted/`` into the folder of an image's animal, once, however often it is asked for."""

from pathlib import PurePosixPath

from visionml.aws.bucket import Bucket
from visionml.aws.executions import readable
from visionml.aws.s3 import Location, parse_uri, uri
from visionml.contracts.detector import FOLDERS, Detection, DetectionOrder, Organised, OrganiseOrder
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.contracts.layout import organised_image
from visionml.errors import NotFound
from visionml.intake.deciding import not_looked_at
from visionml.intake.records import Images, with_detection

_DONE = (ProcessingStatus.ORGANISED, ProcessingStatus.UNCERTAIN, ProcessingStatus.FAILED)


def organise(asked: OrganiseOrder, *, bucket: Bucket, images: Images) -> Organised:
    """Copy the image, write where it lies, delete what was copied; say what is true afterwards.

    An image that another execution has organised stays where that one put it, and its detection
    is the answer: who tells people goes by that, not by what this execution found.

    Raises
    ------
    NotFound
        There is no such image, or it was forgotten.
    """
    order = asked.order
    record = images.find(order.image_id)
    if record is not None and record.processing_status is ProcessingStatus.ACCEPTED:
        record = _organised(record, order, _detection(asked), bucket, images)
    done = record is not None and record.processing_status in _DONE
    if not (done and record and record.s3_location == uri(bucket.name, order.key)):
        bucket.purge(order.key)
    if record is None or not done:
        raise NotFound(
            f"The image {order.image_id} has no record, or was forgotten.",
            hint="Nothing is left to be done for it.",
        )
    return organised_of(record)


def _detection(asked: OrganiseOrder) -> Detection:
    if asked.detection is not None:
        return asked.detection
    assert asked.failure is not None  # noqa: S101 - an order has one of the two
    cause = readable(asked.failure.cause)
    return not_looked_at(asked.failure.model_copy(update={"cause": cause}))


def _organised(
    record: ImageRecord, order: DetectionOrder, detection: Detection, bucket: Bucket, images: Images
) -> ImageRecord | None:
    """Do it, and return the record as it is then.

    An image that is looked at once more may lie in its folder already: it stays there.
    """
    image_format = PurePosixPath(order.key).suffix.removeprefix(".")
    key = organised_image(FOLDERS[detection.animal], order.image_id, image_format)
    version = None
    try:
        source = bucket.newest(order.key)
        if key != order.key:
            version = bucket.copy(
                source, Location(bucket.name, key), content_type=f"image/{image_format}"
            )
    except NotFound:
        found = images.find(order.image_id)
        if found is not None and found.processing_status is ProcessingStatus.ACCEPTED:
            raise
        return found
    changed = with_detection(record, detection, uri(bucket.name, key))
    if images.organise(changed):
        return changed
    if version is not None:
        bucket.delete(key, version)
    return images.find(order.image_id)


def organised_of(record: ImageRecord) -> Organised:
    """Return what is told of an image by its record."""
    sizes = sorted(record.previews, key=int)
    return Organised(
        image_id=record.image_id,
        timestamp=record.timestamp,
        key=parse_uri(record.s3_location or "").key,
        preview_key=record.previews[sizes[len(sizes) // 2]] if sizes else None,
        detection=Detection(
            animal=record.detected_animal or "other",
            confidence=record.confidence_score or 0,
            uncertainty=record.uncertainty,
            reason=record.reason,
            labels=record.labels,
            label_model_version=record.label_model_version,
        ),
    )
