"""From a request's body and media type to the images that it holds or names."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from visionml.errors import RequestRefused
from visionml.imaging.header import ImageFacts, ImageFormat, Limits
from visionml.serving import multipart
from visionml.serving.limits import RequestLimits

JSON_TYPE = "application/json"
IMAGE_TYPES: dict[str, ImageFormat | None] = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
    "application/x-image": None,
}
"""Media types of a bare image, and the format that each claims."""

_SERVED = (*IMAGE_TYPES, JSON_TYPE, *sorted(multipart.MULTIPART_TYPES))
_UNTYPED = frozenset({"", "text/plain", "application/octet-stream"})
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f\x7f]{1,1024})")


class MediaType(NamedTuple):
    """What a Content-Type header says of a body."""

    kind: str
    boundary: bytes = b""

    @property
    def bare(self) -> bool:
        """Whether the body is one image and nothing else."""
        return self.kind in IMAGE_TYPES


_SINGLE = {kind: MediaType(kind) for kind in (*IMAGE_TYPES, JSON_TYPE)}


@dataclass(frozen=True)
class ImageRequest:
    """The bytes of one image, and the format that the caller says they have."""

    image: bytes
    claimed: ImageFormat | None = None

    def open(self, limits: Limits) -> "ImageRequest":  # noqa: ARG002 - read_header checks it
        """Return it as it is."""
        return self

    def check_claim(self, facts: ImageFacts) -> None:
        """Refuse an image of another format than the one claimed: 422."""
        if self.claimed is not None and self.claimed != facts.format:
            raise RequestRefused(
                f"The request says image/{self.claimed}, but the image is image/{facts.format}.",
                code="type_mismatch",
                status=422,
                hint="Send the type that the image has, or application/x-image to leave it open.",
            )


@dataclass(frozen=True)
class Encoded:
    """An image in base64, which is decoded when its turn comes."""

    text: str

    def open(self, limits: Limits) -> ImageRequest:
        """Return the image; 400: the base64 is broken, 413: it has too many bytes."""
        try:
            image = base64.b64decode(self.text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _bad(f"The field image is not valid base64: {_brief(error)}.") from None
        check_length(len(image), limits)
        return ImageRequest(image)


@dataclass(frozen=True)
class PartOfBody:
    """An image in one part of a multipart body."""

    part: multipart.Part

    def open(self, limits: Limits) -> ImageRequest:
        """Return the image; 413: it has too many bytes, 415: it is said to be something else."""
        if not self.part.plain:
            raise RequestRefused(
                f"The transfer encoding {self.part.encoding[:100]!r} is not served.",
                code="unsupported_media_type",
                status=415,
                hint="Send the image's bytes as they are.",
            )
        kind = _kind(self.part.content_type)
        claimed = None if kind in _UNTYPED else _image_type(kind)
        check_length(len(self.part.content), limits)
        return ImageRequest(bytes(self.part.content), claimed)


@dataclass(frozen=True)
class Reference:
    """An image that lies in S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Unusable:
    """An entry of a batch that is no image at all."""

    error: RequestRefused

    def open(self, limits: Limits) -> NoReturn:  # noqa: ARG002
        """Raise why."""
        raise self.error


Present = ImageRequest | Encoded | PartOfBody | Unusable
"""An entry whose bytes came with the request."""

Item = Present | Reference


class Parsed(NamedTuple):
    """The images of a request; a `batch` is answered with a list, even if it has one entry."""

    items: tuple[Item, ...]
    batch: bool


def media_type(header: str) -> MediaType:
    """Return the media type that a Content-Type header names.

    Raises
    ------
    RequestRefused
        415: it is none of those served; 400: a multipart body without a boundary.
    """
    kind = _kind(header)
    if kind in _SINGLE:
        return _SINGLE[kind]
    if kind in multipart.MULTIPART_TYPES:
        return MediaType(kind, multipart.boundary(header.partition(";")[2]))
    raise _unserved(kind)


def parse(body: bytes, media: MediaType, limits: RequestLimits) -> Parsed:
    """Return the images in a body, not yet decoded.

    Raises
    ------
    RequestRefused
        400: the JSON or the multipart body is broken; 413: it has too many images; 422: an S3
        address is none. In a batch only that entry is unusable.
    """
    if media.bare:
        return Parsed((ImageRequest(body, IMAGE_TYPES[media.kind]),), batch=False)
    if media.kind != JSON_TYPE:
        parts = multipart.split(body, media.boundary, most=limits.batch)
        return Parsed(tuple(map(PartOfBody, parts)), batch=True)
    value = _value(body)
    if not isinstance(value, list):
        return Parsed((_item(value),), batch=False)
    if not value:
        raise _bad("The JSON list has no images.")
    if len(value) > limits.batch:
        raise RequestRefused(
            f"The request has {len(value):,} images; at most {limits.batch} are answered.",
            code="too_many_images",
            status=413,
            limit=limits.batch,
            hint="Send several requests.",
        )
    return Parsed(tuple(map(_entry, value)), batch=True)


def check_length(length: int, limits: Limits) -> None:
    """Refuse an image of too many bytes before they are copied or fetched: 413."""
    if length > limits.bytes:
        raise RequestRefused(
            f"The image has {length:,} bytes; at most {limits.bytes:,} are read.",
            code="too_many_bytes",
            status=413,
            limit=limits.bytes,
            hint="Send a smaller or more strongly compressed image.",
        )


def _value(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        # ValueError also stands for bytes that are no UTF-8 and for numbers of too many digits.
        raise _bad(f"The body is not valid JSON: {_brief(error)}.") from None


def _entry(value: object) -> Item:
    try:
        return _item(value)
    except RequestRefused as error:
        return Unusable(error)


def _item(value: object) -> Encoded | Reference:
    if not isinstance(value, dict) or len({"image", "s3"} & value.keys()) != 1:
        raise _bad("The JSON has no field image, and no field s3, or it has both.")
    if unknown := sorted(value.keys() - {"image", "s3"}):
        raise _bad(f"The JSON body has a field that is not served: {unknown[0][:100]!r}.")
    ((name, text),) = value.items()
    if not isinstance(text, str):
        raise _bad(f"The field {name} is no text.")
    return Encoded(text) if name == "image" else _reference(text)


def _reference(address: str) -> Reference:
    found = _ADDRESS.fullmatch(address)
    if found is None or len(found[2].encode(errors="replace")) > 1024:
        raise RequestRefused(
            f"{address[:200]!r} is not the address of an object in S3.",
            code="s3_refused",
            status=422,
            hint="Write it as s3://BUCKET/KEY.",
        )
    return Reference(found[1], found[2])


def _kind(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _image_type(kind: str) -> ImageFormat | None:
    if kind not in IMAGE_TYPES:
        raise _unserved(kind)
    return IMAGE_TYPES[kind]


def _unserved(kind: str) -> RequestRefused:
    return RequestRefused(
        f"The content type {kind[:100]!r} is not served." if kind else "No content type.",
        code="unsupported_media_type",
        status=415,
        hint=f"Use one of {', '.join(_SERVED)}.",
    )


def _brief(error: Exception) -> str:
    return str(error)[:200]


def _bad(message: str) -> RequestRefused:
    return RequestRefused(
        message,
        code="invalid_json",
        status=400,
        hint='Send {"image": "<the image in base64>"} or {"s3": "s3://BUCKET/KEY"}, a list of '
        "those, or the image itself.",
    )
