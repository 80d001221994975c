import asyncio

import boto3
import pytest
from botocore.config import Config

from tests.fakes.http import Scripted, serving
from visionml.aws.s3 import Objects
from visionml.errors import NotServing, RequestRefused
from visionml.imaging.header import Limits
from visionml.serving.references import Sources
from visionml.serving.requests import Reference

PHOTO = Reference("photos", "2026/cat.jpg")
FOUND = (200, {"Content-Type": "image/jpeg"}, b"the image")


def error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    body = f"<Error><Code>{code}</Code><Message>arn:aws:iam::1:role/secret</Message></Error>"
    return status, {"Content-Type": "application/xml"}, body.encode()


def fetched(script: Scripted, reference: Reference = PHOTO, allowed: str = "photos") -> bytes:
    client = boto3.client(
        "s3",
        endpoint_url=script.url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )
    try:
        sources = Sources((allowed,), Limits(bytes=100), connect=lambda: Objects(client))
        return asyncio.run(sources.fetch(reference))
    finally:
        client.close()


def test_an_object_in_an_allowed_bucket_is_read_in_full() -> None:
    with serving(FOUND) as script:
        assert fetched(script) == b"the image"
    assert script.requests[0][0] == "/photos/2026/cat.jpg"


def test_below_an_allowed_prefix_too() -> None:
    with serving(FOUND) as script:
        assert fetched(script, allowed="photos/2026/") == b"the image"


@pytest.mark.parametrize("allowed", ["other", "photo", "photos2", "photos/2025/", "*", "photos/*"])
def test_anywhere_else_is_refused_before_anything_is_asked(allowed: str) -> None:
    with serving(FOUND) as script, pytest.raises(RequestRefused) as refused:
        fetched(script, allowed=allowed)
    assert (refused.value.status, refused.value.code) == (422, "s3_refused")
    assert script.requests == []


def test_without_allowed_buckets_every_reference_is_refused() -> None:
    with pytest.raises(RequestRefused) as refused:
        Sources((), Limits()).check(PHOTO)
    assert (refused.value.status, refused.value.hint) == (422, "Send the image itself.")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(404, "NoSuchKey"), "s3_not_found"),
        (error(403, "AccessDenied"), "s3_denied"),
        (error(403, "InvalidObjectState"), "s3_unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_with_422_and_no_details(
    answer: tuple[int, dict[str, str], bytes], code: str
) -> None:
    with serving(answer) as script, pytest.raises(RequestRefused) as refused:
        fetched(script)
    assert (refused.value.status, refused.value.code) == (422, code)
    assert "secret" not in str(refused.value)


def test_a_large_object_is_refused_by_its_length() -> None:
    with serving((200, {}, bytes(101))) as script, pytest.raises(RequestRefused) as refused:
        fetched(script)
    assert (refused.value.status, refused.value.limit) == (413, 100)


def test_a_busy_s3_is_worth_another_try() -> None:
    with serving(error(503, "SlowDown")) as script, pytest.raises(NotServing) as refused:
        fetched(script)
    assert (refused.value.status, refused.value.code) == (503, "s3_unavailable")
