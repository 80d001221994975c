"""Records of images as intake leaves them."""

from datetime import UTC, datetime
from typing import Any

from visionml.contracts.images import ImageRecord, ProcessingStatus

TIME = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
IMAGE_ID = "0123456789abcdef" * 2


def accepted(image_id: str = IMAGE_ID, **changes: Any) -> ImageRecord:
    """Return the record of an accepted photograph, with some fields changed."""
    record = ImageRecord(
        image_id=image_id,
        timestamp=TIME,
        processing_status=ProcessingStatus.ACCEPTED,
        file_size=1000,
        image_format="jpeg",
        s3_location=f"s3://images/accepted/{image_id}.jpeg",
        previews={str(size): f"previews/{size}/{image_id}.jpg" for size in (150, 300, 800)},
        upload_hash="0" * 64,
        content_hash="1" * 64,
        source="s3://images/uploads/1/cat.jpg",
    )
    return ImageRecord.model_validate({**record.model_dump(by_alias=False), **changes})
