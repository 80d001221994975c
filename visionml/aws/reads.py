"""Many whole objects of one bucket, each by one signed request.

boto3's GetObject takes some 1 ms of processor time beside the transfer, most of it on validating,
building and reading what is known here; this takes a tenth of that, which counts where images are
read as fast as they are decoded.
"""

import re
from collections.abc import Callable
from ssl import create_default_context
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.httpsession import get_cert_path
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout, connection_from_url
from urllib3.exceptions import HTTPError

from visionml.aws.errors import translated
from visionml.aws.s3 import Fetched, uri
from visionml.aws.session import Aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TIMEOUT = Timeout(connect=5, read=30)
_AGAIN = Retry(total=1, redirect=False, status=False)
_SAFE = "/-_.~"
_CODE, _MESSAGE = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Code", "Message"))


class Reads:
    """Reads objects of one bucket, from several threads."""

    def __init__(self, aws: Aws, bucket: str, *, connections: int) -> None:
        """Keep up to so many connections open."""
        self._aws, self._bucket = aws, bucket
        # the usual style names no region where the bucket is part of the host, and is redirected
        self._base = _base(aws.client("s3", s3={"addressing_style": "virtual"}), bucket)
        self._origin = self._base.removesuffix(urlsplit(self._base).path)
        # one for all connections: each of its own would read the file of authorities anew
        trusted = create_default_context(cafile=aws.ca_bundle or get_cert_path(True))
        secure = {"ssl_context": trusted} if self._base.startswith("https:") else {}
        self._pool: HTTPConnectionPool = connection_from_url(
            self._base, maxsize=connections, timeout=_TIMEOUT, **secure
        )

    def fetch(
        self, key: str, *, version: str | None = None, check: Callable[[int], None]
    ) -> Fetched:
        """Return an object's content and ETag, of one `version` of it where one is named.

        `check` is told the number of bytes before they are read and may raise.

        Raises
        ------
        NotFound
            The object, the version or the bucket does not exist.
        """
        with translated(f"read {uri(self._bucket, key)}"):
            try:
                return self._fetched(key, version, check)
            except HTTPError as error:
                raise HTTPClientError(error=error) from error

    def address(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self._base}/{quote(key, safe=_SAFE)}"

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _fetched(self, key: str, version: str | None, check: Callable[[int], None]) -> Fetched:
        query = f"?versionId={quote(version, safe='')}" if version else ""
        address = self.address(key) + query
        request = AWSRequest("GET", address)
        credentials = self._aws.credentials()
        S3SigV4Auth(credentials, "s3", self._aws.region).add_auth(request)
        answer = self._pool.urlopen(
            "GET",
            address.removeprefix(self._origin),
            headers=dict(request.headers),
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=_AGAIN,
        )
        try:
            return _content(answer, check)
        except BaseException:
            answer.close()
            raise
        finally:
            answer.release_conn()


def _content(answer: BaseHTTPResponse, check: Callable[[int], None]) -> Fetched:
    if answer.status != 200:
        raise _refusal(answer.status, answer.read())
    length = int(answer.headers["Content-Length"])
    check(length)
    content = answer.read(length)
    answer.read()  # so that the connection can be used again
    return Fetched(content, answer.headers["ETag"])


def _refusal(status: int, body: bytes) -> ClientError:
    text = body.decode(errors="replace")
    code, message = (found.search(text) for found in (_CODE, _MESSAGE))
    said: Any = {
        "Code": code[1] if code else str(status) if status < 500 else "ServiceUnavailable",
        "Message": message[1] if message else text[:200],
    }
    return ClientError({"Error": said}, "GetObject")


def _base(client: "S3Client", bucket: str) -> str:
    """Return the address of a bucket's objects, without a final slash."""
    signed = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    return signed.partition("?")[0].removesuffix("/k")
