"""Objects are read by signed requests, and what S3 refuses is one of our errors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from visionml.aws.reads import Reads
from visionml.aws.session import Aws
from visionml.errors import AccessDenied, NotFound, Unavailable, VisionmlError

LIMIT = 1_000


class TooLarge(VisionmlError):
    """The check's own error."""


def check(length: int) -> None:
    if length > LIMIT:
        raise TooLarge(f"{length}")


@dataclass
class S3:
    """What a server on this computer answers, and what it was asked."""

    status: int = 200
    body: bytes = b"an image"
    length: int | None = None
    """As its header says, where that is not the body's."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


@contextmanager
def serving(s3: S3) -> Iterator[Reads]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            s3.asked.append((self.path, dict(self.headers)))
            s3.connections.add(self.client_address)
            self.send_response(s3.status)
            self.send_header("ETag", '"abc"')
            self.send_header("Content-Length", str(s3.length or len(s3.body)))
            self.end_headers()
            self.wfile.write(s3.body)
            self.close_connection = s3.length is not None

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        session = boto3.Session("key", "secret", region_name="eu-central-1")
        aws = Aws(session, endpoint_url=f"http://127.0.0.1:{server.server_port}")
        reads = Reads(aws, "raw", connections=2)
        try:
            yield reads
        finally:
            reads.close()
            server.shutdown()
            thread.join()


def test_an_object_is_its_content_and_its_etag_by_a_request_that_is_signed() -> None:
    s3 = S3()
    with serving(s3) as reads:
        found = reads.fetch("in/a b+ü.jpg", check=check)

    assert (found.content, found.etag) == (b"an image", '"abc"')
    ((path, headers),) = s3.asked
    assert path == "/raw/in/a%20b%2B%C3%BC.jpg"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key/")
    assert "/eu-central-1/s3/aws4_request" in headers["Authorization"]


def test_a_version_is_named_where_one_is_wanted() -> None:
    s3 = S3()
    with serving(s3) as reads:
        reads.fetch("a.jpg", version="v/1=", check=check)
    assert s3.asked[0][0] == "/raw/a.jpg?versionId=v%2F1%3D"


def test_a_connection_is_used_again() -> None:
    s3 = S3()
    with serving(s3) as reads:
        for _ in range(5):
            reads.fetch("a.jpg", check=check)
        s3.status, s3.body = 404, b"<Error><Code>NoSuchKey</Code></Error>"
        with pytest.raises(NotFound):
            reads.fetch("a.jpg", check=check)
        s3.status = 200
        reads.fetch("a.jpg", check=check)
    assert len(s3.connections) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", NotFound),
        (404, "NoSuchVersion", NotFound),
        (403, "AccessDenied", AccessDenied),
        (403, "InvalidObjectState", VisionmlError),
        (503, "SlowDown", Unavailable),
        (500, "InternalError", Unavailable),
        (403, "", AccessDenied),
        (502, "", Unavailable),
    ],
)
def test_what_s3_refuses_is_one_of_our_errors(
    status: int, code: str, error: type[VisionmlError]
) -> None:
    body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>" if code else "<html>"
    with serving(S3(status, body.encode())) as reads, pytest.raises(error) as raised:
        reads.fetch("a.jpg", check=check)
    assert type(raised.value) is error
    assert "s3://raw/a.jpg" in str(raised.value)


def test_an_object_that_is_too_large_is_not_read() -> None:
    with serving(S3(body=b"0" * (LIMIT + 1))) as reads, pytest.raises(TooLarge):
        reads.fetch("a.jpg", check=check)


def test_an_answer_that_is_cut_off_may_be_asked_for_again() -> None:
    with serving(S3(length=500)) as reads, pytest.raises(Unavailable):
        reads.fetch("a.jpg", check=check)


def test_an_s3_that_is_not_there_may_be_there_later() -> None:
    with serving(S3()) as reads:
        pass
    with pytest.raises(Unavailable):
        reads.fetch("a.jpg", check=check)


def test_a_bucket_is_asked_in_its_own_region() -> None:
    session = boto3.Session("key", "secret", region_name="eu-central-1")
    reads = Reads(Aws(session), "raw-1", connections=1)
    assert reads.address("a b.jpg") == "https://raw-1.s3.eu-central-1.amazonaws.com/a%20b.jpg"
