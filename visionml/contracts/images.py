"""The images table: one record for each file that intake has seen, and what asks about them."""

from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from visionml.contracts.detector import Label, Uncertainty
from visionml.contracts.inference import PixelStatistics
from visionml.contracts.intake import RedactionRecord, Refusal

STATUS_INDEX = "StatusIndex"
"""By ProcessingStatus and Timestamp."""
USER_INDEX = "UserIndex"
"""By UserID and Timestamp."""
LABEL_INDEX = "LabelIndex"
"""By DetectedAnimal and Timestamp."""
HASH_INDEX = "HashIndex"
"""By UploadHash and Timestamp."""

PAGE_IMAGES = 50
LARGEST_PAGE = 200
USER_CHARACTERS = 256
"""The longest name of a user."""
USER_HEADER = "x-user-id"
"""Names who an image in the body of ``POST /upload`` belongs to."""
NAME_HEADER = "x-file-name"
"""Names the file; letters beyond ASCII are percent-encoded."""

_IRREGULAR = {"image_id": "ImageID", "user_id": "UserID", "s3_location": "S3Location"}

ImageID = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def image_id(bucket: str, key: str, version: str) -> str:
    """Return the id of the image in one version of an object: the same whenever it is asked."""
    return sha256(f"{bucket}\0{key}\0{version}".encode()).hexdigest()[:32]


class ProcessingStatus(StrEnum):
    """How far an image has come."""

    ACCEPTED = "accepted"
    """Clean copy and previews lie in S3; the detector has not ended, or looks once more."""
    ORGANISED = "organised"
    """In the folder of its animal."""
    UNCERTAIN = "uncertain"
    """In a folder too; people were told to look."""
    FAILED = "failed"
    """Accepted, but the detector could not look at it; people were told."""
    REFUSED = "refused"
    """In quarantine, with the reason."""
    VANISHED = "vanished"
    """Deleted before intake could read it."""
    FORGOTTEN = "forgotten"
    """Deleted on request: all that is left is that it was."""


def _name(field: str) -> str:
    return _IRREGULAR.get(field) or to_pascal(field)


class ImageRecord(BaseModel):
    """One image, with the attribute names of the table and of the API's answers."""

    model_config = ConfigDict(
        frozen=True, alias_generator=_name, populate_by_name=True, serialize_by_alias=True
    )

    image_id: ImageID
    timestamp: AwareDatetime
    """When S3 took the upload."""
    processing_status: ProcessingStatus
    file_size: Annotated[int, Field(ge=0)]
    """Bytes of the upload."""
    image_format: str
    """By content: a ``FileKind``."""
    s3_location: str | None = None
    """Of the clean image, or of the refused one in quarantine; None once there is none."""
    detected_animal: Literal["cat", "dog", "other"] | None = None
    confidence_score: Annotated[float, Field(ge=0, le=100)] | None = None
    user_id: str | None = None
    """The pseudonym of who sent it."""
    upload_hash: str | None = None
    """SHA-256 of the file as it was sent."""
    content_hash: str | None = None
    """SHA-256 of the clean image, which is what datasets hold."""
    width: int | None = None
    height: int | None = None
    previews: dict[str, str] = {}
    """Keys in the images bucket by size, such as ``"150"``."""
    statistics: PixelStatistics | None = None
    refusal: Refusal | None = None
    redaction: RedactionRecord | None = None
    uncertainty: Uncertainty | None = None
    reason: str = ""
    labels: tuple[Label, ...] = ()
    label_model_version: str = ""
    source: str = ""
    """The address of the upload."""
    original: str | None = None
    """The address of the unredacted upload, where the settings keep it."""
    retries: int | None = None
    """How often the detector was started again for the image."""
    given_up: bool | None = None
    """That was done as often as the settings allow; nobody starts it again but by hand."""
    expires: int | None = None
    """Seconds since 1970 after which DynamoDB deletes the record."""

    def item(self) -> dict[str, Any]:
        """Return the record as it is stored: without what is not known."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ImageList(BaseModel):
    """The body of ``GET /images``: a page, newest first."""

    model_config = ConfigDict(frozen=True)

    images: tuple[ImageRecord, ...]
    next: str | None = None
    """What to send as ``next`` to get the following page; None on the last."""


class ImageAnswer(ImageRecord):
    """The body of ``GET /images/{id}``."""

    preview_urls: dict[str, str] = {}
    """Signed links to the previews by size; whoever has one may look until it expires."""
    urls_expire_seconds: int | None = None


class UploadOrder(BaseModel):
    """The JSON body of ``POST /upload``: what somebody is going to send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    bytes: Annotated[int, Field(ge=1, strict=True)]
    name: Annotated[str, Field(max_length=1024)] = ""
    user: Annotated[str, Field(max_length=USER_CHARACTERS)] = ""
    """Who the image belongs to; only a pseudonym of it is kept."""


class UploadForm(BaseModel):
    """The answer to an ``UploadOrder``: a form that takes that image and no other, for a while."""

    model_config = ConfigDict(frozen=True)

    url: str
    fields: dict[str, str]
    """To be sent in the form, before the field ``file``."""
    key: str
    expires_seconds: int


class UploadTaken(BaseModel):
    """The answer to an image in the body of ``POST /upload``."""

    model_config = ConfigDict(frozen=True)

    image_id: ImageID
    """What ``GET /images/{id}`` knows soon."""
