"""Errors as HTTP answers and back: one table for the container, the adapter and the client."""

from pydantic import ValidationError

from visionml.contracts.inference import ErrorBody, ErrorDetail
from visionml.errors import (
    ImageRefused,
    InvalidInput,
    NotServing,
    RequestRefused,
    Unavailable,
    VisionmlError,
)

IMAGE_STATUSES = {
    "empty": 400,
    "truncated": 400,
    "unreadable": 400,
    "too_many_bytes": 413,
    "too_many_pixels": 413,
    "animated": 422,
    "unsupported": 422,
}
"""Why an image is refused, and the status that says so."""

RETRIED = frozenset({429, 503})
"""Statuses after which the same request may succeed."""


def status_of(error: BaseException) -> tuple[int, ErrorBody]:
    """Return the status and body that answer an error.

    What this package did not raise on purpose becomes 500 without details: they are in the log.
    """
    if isinstance(error, RequestRefused | NotServing):
        return error.status, _body(error.code, str(error), error.limit)
    if isinstance(error, ImageRefused):
        return IMAGE_STATUSES.get(error.reason, 422), _body(error.reason, str(error), error.limit)
    if isinstance(error, Unavailable):
        return 503, _body("unavailable", "What answers this cannot be reached now. Try again.")
    if isinstance(error, InvalidInput):
        return 400, _body("invalid_request", str(error))
    return 500, _body("internal", "The service failed. Its log says why.")


def error_of(status: int, content: bytes | str) -> VisionmlError:
    """Return the error that an answer other than a success stands for.

    Answers without an ``ErrorBody``, such as a gateway's own, keep their status and text.
    """
    detail = _detail(status, content)
    if status in RETRIED:
        return NotServing(detail.message, code=detail.code, status=status, limit=detail.limit)
    if 400 <= status < 500:
        return RequestRefused(detail.message, code=detail.code, status=status, limit=detail.limit)
    if status >= 500:
        return Unavailable(f"The service failed with status {status}: {detail.message}")
    return VisionmlError(f"The service answered with status {status}: {detail.message}")


def _detail(status: int, content: bytes | str) -> ErrorDetail:
    try:
        return ErrorBody.model_validate_json(content).error
    except ValidationError:
        text = content.decode(errors="replace") if isinstance(content, bytes) else content
        return ErrorDetail(code=f"http_{status}", message=text[:500] or f"Status {status}.")


def _body(code: str, message: str, limit: int | None = None) -> ErrorBody:
    return ErrorBody(error=ErrorDetail(code=code, message=message, limit=limit))
