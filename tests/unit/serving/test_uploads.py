"""Addresses for large images: pinned to type and size, and the only ones that are read."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from visionml.aws.s3 import Objects
from visionml.contracts.inference import UploadRequest
from visionml.errors import AccessDenied, NotFound, RequestRefused
from visionml.serving.uploads import Uploaded, issue, upload_request

REQUEST = UploadRequest(content_type="image/png", bytes=7_000_000)


@pytest.fixture(scope="module")
def objects() -> Objects:
    return Objects(
        boto3.client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
        )
    )


class Held:
    """A bucket with one object, which raises for others what S3 would."""

    def __init__(self, failure: type[Exception] = NotFound) -> None:
        self.failure = failure

    def read_bytes(self, address: str, *, check: object) -> bytes:
        assert callable(check)
        if address != "s3://raw/inference/1":
            raise self.failure("No.")
        check(5)
        return b"image"


def uploaded(held: Held) -> Uploaded:
    return Uploaded(held, "raw")  # type: ignore[arg-type]


def test_an_address_is_good_for_one_type_and_size_and_a_while(objects: Objects) -> None:
    first = issue(REQUEST, objects=objects, bucket="raw", limit=10_000_000)
    second = issue(REQUEST, objects=objects, bucket="raw", limit=10_000_000)
    address, signed = urlsplit(first.url), parse_qs(urlsplit(first.url).query)
    assert first.s3 == f"s3://raw{address.path}" != second.s3
    assert address.path.startswith("/inference/")
    assert address.netloc == "raw.s3.eu-west-1.amazonaws.com"
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert signed["X-Amz-Expires"] == [str(first.expires_seconds)]
    assert first.headers == {"Content-Type": "image/png", "Content-Length": "7000000"}


def test_an_image_larger_than_the_limit_gets_no_address(objects: Objects) -> None:
    with pytest.raises(RequestRefused) as raised:
        issue(REQUEST, objects=objects, bucket="raw", limit=6_999_999)
    assert (raised.value.status, raised.value.limit) == (413, 6_999_999)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"content_type": "image/png"}',
        b'{"content_type": "image/gif", "bytes": 1}',
        b'{"content_type": "image/png", "bytes": 0}',
        b'{"content_type": "image/png", "bytes": "1"}',
        b'{"content_type": "image/png", "bytes": 1, "key": "mine"}',
    ],
)
def test_a_request_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused) as raised:
        upload_request(body)
    assert (raised.value.status, raised.value.code) == (400, "invalid_json")


def test_what_was_sent_is_read() -> None:
    assert uploaded(Held()).read("s3://raw/inference/1", limit=5) == b"image"
    with pytest.raises(RequestRefused) as raised:
        uploaded(Held()).read("s3://raw/inference/1", limit=4)
    assert raised.value.status == 413


@pytest.mark.parametrize(
    "address",
    ["s3://raw/images/digits/1", "s3://other/inference/1", "https://raw/inference/1", "", "s3://"],
)
def test_nothing_else_is_read(address: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        uploaded(Held()).read(address, limit=5)
    assert (raised.value.status, raised.value.code) == (422, "s3_refused")


@pytest.mark.parametrize("failure", [NotFound, AccessDenied])
def test_an_address_that_nothing_was_sent_to_is_told_so(failure: type[Exception]) -> None:
    with pytest.raises(RequestRefused, match="send it") as raised:
        uploaded(Held(failure)).read("s3://raw/inference/2", limit=5)
    assert (raised.value.status, raised.value.code) == (422, "s3_not_found")


def test_who_reads_much_may_bring_another_way_to_read() -> None:
    asked: list[str] = []

    def fetch(key: str, check: Callable[[int], None]) -> bytes:
        asked.append(key)
        check(7)
        return b"another"

    held = Uploaded(Held(), "raw", fetch=fetch)  # type: ignore[arg-type]
    assert held.read("s3://raw/inference/9", limit=7) == b"another"
    with pytest.raises(RequestRefused):
        held.read("s3://raw/inference/9", limit=6)
    with pytest.raises(RequestRefused):
        held.read("s3://raw/elsewhere/9", limit=7)
    assert asked == ["inference/9"] * 2
