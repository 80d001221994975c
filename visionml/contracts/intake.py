"""What intake says of a file: what it is by its content, and why it was refused."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FileKind(StrEnum):
    """What a file is by its bytes; its name plays no part."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    HEIF = "heif"
    JPEG_2000 = "jpeg2000"
    JPEG_XL = "jpegxl"
    ICON = "icon"
    PHOTOSHOP = "photoshop"
    SVG = "svg"
    HTML = "html"
    MARKUP = "markup"
    JSON = "json"
    PDF = "pdf"
    ZIP = "zip"
    RAR = "rar"
    SEVEN_ZIP = "7z"
    GZIP = "gzip"
    VIDEO = "video"
    PROGRAM = "program"
    SCRIPT = "script"
    TEXT = "text"
    EMPTY = "empty"
    UNKNOWN = "unknown"

    @property
    def accepted(self) -> bool:
        """Whether intake reads it."""
        return self in {FileKind.JPEG, FileKind.PNG, FileKind.WEBP}


class RefusalReason(StrEnum):
    """Why a file is no acceptable image; the codes never change."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    UNSUPPORTED = "unsupported"
    """Another kind of file than JPEG, PNG and WebP."""
    POLYGLOT = "polyglot"
    """A picture that other programs read as an archive, a document or a script."""
    UNREADABLE = "unreadable"
    """Damaged."""
    TRUNCATED = "truncated"
    ANIMATED = "animated"
    TOO_MANY_PIXELS = "too_many_pixels"


class Refusal(BaseModel):
    """Why a file was refused, as it stands beside the file in quarantine."""

    model_config = ConfigDict(frozen=True)

    reason: RefusalReason
    kind: FileKind
    sentence: str
    hint: str = ""
    limit: int | None = None
    """The limit that was passed, in the unit of the reason."""
    file_size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """None of a file that is too large to be read."""


class RegionKind(StrEnum):
    """What is hidden from everything after intake."""

    FACE = "face"
    TEXT = "text"


class Region(BaseModel):
    """A rectangle of an upright picture, in pixels, that shows a face or text."""

    model_config = ConfigDict(frozen=True)

    kind: RegionKind
    top: Annotated[int, Field(ge=0)]
    left: Annotated[int, Field(ge=0)]
    height: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]


class RedactionMethod(StrEnum):
    """How a region is hidden."""

    BLUR = "blur"
    BOX = "box"


class RedactionRecord(BaseModel):
    """What was hidden in one image, by which engine: it is kept, for audits, without the pixels."""

    model_config = ConfigDict(frozen=True)

    engine: str
    method: RedactionMethod
    looked_for: tuple[RegionKind, ...]
    regions: tuple[Region, ...]
    """As they were hidden, which is larger than as they were found."""
    original_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    redacted_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
