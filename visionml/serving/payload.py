"""From the body of ``POST /inference`` to the image that the endpoint is asked about."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from visionml.contracts.inference import (
    HASH_HEADER,
    IMAGE_TYPES,
    INLINE_IMAGE_BYTES,
    JSON_TYPE,
)
from visionml.errors import RequestRefused

_Model = TypeVar("_Model", bound=BaseModel)
_ANY_IMAGE = "application/x-image"
_JSON_HINT = (
    'Send {"image": "<the image in base64>"}, {"s3": "<what POST /uploads gave>"}, or the image '
    "itself under its own type."
)
_UPLOAD_HINT = "Send larger ones to the address that POST /uploads gives."


class Payload(NamedTuple):
    """What the endpoint is sent."""

    body: bytes
    content_type: str
    image_sha256: str


class _Json(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    image: str | None = None
    s3: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image is None) == (self.s3 is None):
            raise ValueError("it has no field image and no field s3, or it has both")
        return self


def payload_of(
    body: bytes,
    content_type: str,
    *,
    limit: int,
    read: Callable[[str], bytes],
    stated_hash: str = "",
) -> Payload:
    """Return the image that a request holds, or names by an address that `read` fetches.

    Raises
    ------
    RequestRefused
        What `request_of` raises; 400: the image is not the one that `stated_hash` says. Whatever
        `read` raises.
    """
    asked = request_of(body, content_type, limit=limit, stated_hash=stated_hash)
    if isinstance(asked, Payload):
        return asked
    return payload_of_image(read(asked), stated_hash=stated_hash)


def payload_of_image(image: bytes, *, stated_hash: str = "") -> Payload:
    """Return what the endpoint is sent for an image whose type is left open."""
    return Payload(image, _ANY_IMAGE, _checked_hash(image, stated_hash))


def request_of(
    body: bytes, content_type: str, *, limit: int, stated_hash: str = ""
) -> Payload | str:
    """Return the image that a request holds, or the address at which it says that one lies.

    Raises
    ------
    RequestRefused
        400: there is none, its JSON is broken, or it is not the one that `stated_hash` says;
        413: it has more than `limit` bytes, or more than fit into a request; 415: it is sent as
        something that is not served.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        raise RequestRefused(
            "The request has no body.", code="empty", status=400, hint="Send an image."
        )
    if kind == JSON_TYPE:
        image = _named(body)
        kind = _ANY_IMAGE
    elif kind in IMAGE_TYPES:
        image = body
    else:
        raise _unserved(kind)
    if isinstance(image, str):
        return image
    inline = min(limit, INLINE_IMAGE_BYTES)
    check_size(len(image), inline, _UPLOAD_HINT if inline < limit else "")
    return Payload(image, kind, _checked_hash(image, stated_hash))


def check_size(length: int, limit: int, hint: str = "") -> None:
    """Refuse an image of more than `limit` bytes: 413."""
    if length > limit:
        raise RequestRefused(
            f"The image has {length:,} bytes; at most {limit:,} are taken.",
            code="too_many_bytes",
            status=413,
            limit=limit,
            hint=hint or "Send a smaller or more strongly compressed image.",
        )


def _named(body: bytes) -> bytes | str:
    found = parsed(_Json, body, hint=_JSON_HINT)
    if found.s3 is not None:
        return found.s3
    try:
        return base64.b64decode(found.image or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"The field image is not valid base64: {error}.", _JSON_HINT) from None


def parsed(model: type[_Model], body: bytes, *, hint: str, what: str = "not a request") -> _Model:
    """Return what a JSON body holds; the refusal does not repeat what was sent.

    Raises
    ------
    RequestRefused
        400: it is not what the model asks for.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise _bad(f"The JSON is {what}: {where}: {first['msg']}.", hint) from None


def _checked_hash(image: bytes, stated: str) -> str:
    found = hashlib.sha256(image).hexdigest()
    if stated and stated.strip().lower() != found:
        raise RequestRefused(
            f"The header {HASH_HEADER} is not the SHA-256 of the image, which is {found}.",
            code="hash_mismatch",
            status=400,
            hint="Hash the image's own bytes, not its base64, and send the hash in hexadecimal.",
        )
    return found


def _unserved(kind: str) -> RequestRefused:
    return RequestRefused(
        f"The content type {kind[:100]!r} is not served." if kind else "No content type.",
        code="unsupported_media_type",
        status=415,
        hint=f"Use one of {', '.join((*IMAGE_TYPES, JSON_TYPE))}.",
    )


def _bad(message: str, hint: str) -> RequestRefused:
    return RequestRefused(message, code="invalid_json", status=400, hint=hint)
