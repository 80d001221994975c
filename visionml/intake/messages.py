"""What a queue's message tells of an upload: S3's event, as EventBridge hands it on."""

from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from visionml.aws.s3 import uri
from visionml.contracts.images import image_id
from visionml.contracts.layout import UPLOADS
from visionml.errors import InvalidInput
from visionml.intake.moments import moment


class Upload(NamedTuple):
    """One version of an object that somebody has put below the prefix of uploads."""

    bucket: str
    key: str
    version: str
    time: datetime
    """In UTC, to the second."""
    size: int

    @property
    def image_id(self) -> str:
        """The same however often the upload is told of."""
        return image_id(self.bucket, self.key, self.version)

    @property
    def address(self) -> str:
        """Its ``s3://`` address."""
        return uri(self.bucket, self.key)


class _Bucket(BaseModel):
    name: str


class _Object(BaseModel):
    key: str
    version: str = Field(alias="version-id", min_length=1)
    size: int = 0


class _Detail(BaseModel):
    bucket: _Bucket
    object: _Object


class _Event(BaseModel):
    time: AwareDatetime
    detail: _Detail


def upload_of(body: str, *, bucket: str) -> Upload:
    """Return the upload that a message tells of.

    Raises
    ------
    InvalidInput
        It tells of none; the sentence repeats nothing of it.
    """
    try:
        event = _Event.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidInput(f"The message is no event of S3: {where}: {first['type']}.") from None
    found = event.detail
    if found.bucket.name != bucket or not found.object.key.startswith(UPLOADS):
        raise InvalidInput("The message tells of an object that is no upload.")
    return Upload(
        bucket, found.object.key, found.object.version, moment(event.time), found.object.size
    )
