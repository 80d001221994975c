import pytest

from visionml.contracts.inference import ErrorBody, ErrorDetail
from visionml.errors import (
    AccessDenied,
    ImageRefused,
    InvalidInput,
    NotFound,
    NotServing,
    RequestRefused,
    Unavailable,
    VisionmlError,
)
from visionml.serving.statuses import error_of, status_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ImageRefused("no", reason="empty"), 400, "empty"),
        (ImageRefused("no", reason="truncated"), 400, "truncated"),
        (ImageRefused("no", reason="unreadable"), 400, "unreadable"),
        (ImageRefused("no", reason="too_many_bytes", limit=7), 413, "too_many_bytes"),
        (ImageRefused("no", reason="too_many_pixels", limit=7), 413, "too_many_pixels"),
        (ImageRefused("no", reason="animated"), 422, "animated"),
        (ImageRefused("no", reason="unsupported"), 422, "unsupported"),
        (ImageRefused("no", reason="something new"), 422, "something new"),
        (RequestRefused("no", code="x", status=415), 415, "x"),
        (NotServing("later", code="busy", status=429, limit=9), 429, "busy"),
        (NotServing("later", code="no_model"), 503, "no_model"),
        (Unavailable("gone"), 503, "unavailable"),
        (InvalidInput("no"), 400, "invalid_request"),
        (NotFound("no endpoint"), 500, "internal"),
        (AccessDenied("role x may not"), 500, "internal"),
        (ZeroDivisionError("secret"), 500, "internal"),
    ],
)
def test_errors_have_a_status_and_a_code(error: Exception, status: int, code: str) -> None:
    found, body = status_of(error)
    assert (found, body.error.code) == (status, code)
    assert body.error.limit == getattr(error, "limit", None)


def test_internal_errors_tell_the_caller_nothing_of_themselves() -> None:
    _, body = status_of(ZeroDivisionError("secret"))
    assert "secret" not in body.model_dump_json()


def test_the_hint_is_part_of_the_message() -> None:
    _, body = status_of(ImageRefused("It is cut off.", reason="truncated", hint="Send it again."))
    assert body.error.message == "It is cut off. Send it again."


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RequestRefused), (413, RequestRefused), (429, NotServing), (503, NotServing),
     (500, Unavailable), (504, Unavailable), (302, VisionmlError)],
)  # fmt: skip
def test_answers_become_the_error_they_stand_for(status: int, kind: type[VisionmlError]) -> None:
    body = ErrorBody(error=ErrorDetail(code="some_code", message="Because.", limit=5))
    error = error_of(status, body.model_dump_json())
    assert type(error) is kind
    assert "Because." in error.message
    if isinstance(error, RequestRefused | NotServing):
        assert (error.code, error.status, error.limit) == ("some_code", status, 5)
        assert status_of(error) == (status, body)


@pytest.mark.parametrize("content", [b"", b"Forbidden", b"\xff", b'{"message": "Too Many"}', "no"])
def test_answers_of_a_gateway_keep_their_status_and_text(content: bytes | str) -> None:
    error = error_of(429, content)
    assert isinstance(error, NotServing)
    assert (error.code, error.status) == ("http_429", 429)
    assert error.message
