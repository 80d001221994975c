"""From the body of ``POST /inference`` to the image that the endpoint is asked about."""

import base64
import binascii
import hashlib
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from visionml.contracts.inference import HASH_HEADER, IMAGE_TYPES, JSON_TYPE
from visionml.errors import RequestRefused

_ANY_IMAGE = "application/x-image"
_JSON_HINT = 'Send {"image": "<the image in base64>"}, or the image itself under its own type.'


class Payload(NamedTuple):
    """What the endpoint is sent."""

    body: bytes
    content_type: str
    image_sha256: str


class _Json(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    image: str


def payload_of(body: bytes, content_type: str, *, limit: int, stated_hash: str = "") -> Payload:
    """Return the image that a request holds.

    Raises
    ------
    RequestRefused
        400: there is none, its JSON is broken, or it is not the one that `stated_hash` says;
        413: it has more than `limit` bytes; 415: it is sent as something that is not served.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        raise RequestRefused(
            "The request has no body.", code="empty", status=400, hint="Send an image."
        )
    if kind == JSON_TYPE:
        image, sent_as = _decoded(body), _ANY_IMAGE
    elif kind in IMAGE_TYPES:
        image, sent_as = body, kind
    else:
        raise _unserved(kind)
    check_size(len(image), limit)
    return Payload(image, sent_as, _checked_hash(image, stated_hash))


def check_size(length: int, limit: int) -> None:
    """Refuse an image of more than `limit` bytes: 413."""
    if length > limit:
        raise RequestRefused(
            f"The image has {length:,} bytes; at most {limit:,} are taken.",
            code="too_many_bytes",
            status=413,
            limit=limit,
            hint="Send a smaller or more strongly compressed image.",
        )


def _decoded(body: bytes) -> bytes:
    try:
        text = _Json.model_validate_json(body).image
        return base64.b64decode(text, validate=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise _bad(f"The JSON is not a request: {where}: {first['msg']}.") from None
    except (binascii.Error, ValueError) as error:
        raise _bad(f"The field image is not valid base64: {error}.") from None


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


def _bad(message: str) -> RequestRefused:
    return RequestRefused(message, code="invalid_json", status=400, hint=_JSON_HINT)
