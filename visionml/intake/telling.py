"""What people are told of an image that they should look at."""

from datetime import datetime, timedelta

from visionml.aws.bucket import Bucket
from visionml.aws.s3 import uri
from visionml.contracts.detector import Organised, UncertainImage
from visionml.errors import InvalidInput


def notice(
    organised: Organised, *, bucket: Bucket, link_seconds: int, now: datetime
) -> UncertainImage:
    """Return the notice, with a link to the preview that works for a while.

    Raises
    ------
    InvalidInput
        Nothing is uncertain about the image.
    """
    detection, preview = organised.detection, organised.preview_key
    if detection.uncertainty is None:
        raise InvalidInput(f"Nothing is uncertain about the image {organised.image_id}.")
    return UncertainImage(
        image_id=organised.image_id,
        uncertainty=detection.uncertainty,
        reason=detection.reason,
        animal=detection.animal,
        confidence=detection.confidence,
        s3_location=uri(bucket.name, organised.key),
        preview_url=bucket.link(preview, seconds=link_seconds) if preview else None,
        preview_expires=now + timedelta(seconds=link_seconds) if preview else None,
    )


def subject(notice: UncertainImage) -> str:
    """Return the notice in a line."""
    return f"Please look at the image {notice.image_id}: {notice.uncertainty.replace('_', ' ')}"
