"""From a request's body and media type to the bytes of an image."""

import base64
import binascii
import json
from dataclasses import dataclass

from visionml.errors import RequestRefused
from visionml.imaging.header import ImageFacts, ImageFormat, Limits

JSON_TYPE = "application/json"
IMAGE_TYPES: dict[str, ImageFormat | None] = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
    "application/x-image": None,
}
"""Media types of a bare image, and the format that each claims."""


@dataclass(frozen=True)
class ImageRequest:
    """The bytes of one image, and the format that the caller says they have."""

    image: bytes
    claimed: ImageFormat | None = None

    def check_claim(self, facts: ImageFacts) -> None:
        """Refuse an image of another format than the one claimed: 422."""
        if self.claimed is not None and self.claimed != facts.format:
            raise RequestRefused(
                f"The request says image/{self.claimed}, but the image is image/{facts.format}.",
                code="type_mismatch",
                status=422,
                hint="Send the type that the image has, or application/x-image to leave it open.",
            )


def media_type(header: str) -> str:
    """Return the media type that a Content-Type header names, without its parameters.

    Raises
    ------
    RequestRefused
        415: it is none of those served.
    """
    kind = header.partition(";")[0].strip().lower()
    if kind != JSON_TYPE and kind not in IMAGE_TYPES:
        raise RequestRefused(
            f"The content type {kind[:100]!r} is not served." if kind else "No content type.",
            code="unsupported_media_type",
            status=415,
            hint=f"Use one of {', '.join((*IMAGE_TYPES, JSON_TYPE))}.",
        )
    return kind


def parse(body: bytes, kind: str, limits: Limits) -> ImageRequest:
    """Return the image in a body of the media type `kind`.

    Raises
    ------
    RequestRefused
        400: the JSON or its base64 is broken; 413: the image has too many bytes.
    """
    if kind != JSON_TYPE:
        return ImageRequest(body, IMAGE_TYPES[kind])
    image = _decoded(_text(body))
    if len(image) > limits.bytes:
        raise RequestRefused(
            f"The image has {len(image):,} bytes; at most {limits.bytes:,} are read.",
            code="too_many_bytes",
            status=413,
            limit=limits.bytes,
        )
    return ImageRequest(image)


def _text(body: bytes) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        # ValueError also stands for bytes that are no UTF-8 and for numbers of too many digits.
        raise _bad(f"The body is not valid JSON: {_brief(error)}.") from None
    if not isinstance(value, dict) or not isinstance(value.get("image"), str):
        raise _bad("The JSON body has no text named image.")
    if unknown := sorted(set(value) - {"image"}):
        raise _bad(f"The JSON body has a field that is not served: {unknown[0][:100]!r}.")
    return str(value["image"])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"The field image is not valid base64: {_brief(error)}.") from None


def _brief(error: Exception) -> str:
    return str(error)[:200]


def _bad(message: str) -> RequestRefused:
    return RequestRefused(
        message,
        code="invalid_json",
        status=400,
        hint='Send {"image": "<the image in base64>"}, or the image itself.',
    )
