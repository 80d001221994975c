"""Objects in S3, named by ``s3://bucket/key`` URIs."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from visionml.aws.errors import translated
from visionml.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_LINES_CHUNK_BYTES = 1 << 18


class Location(NamedTuple):
    """A bucket and a key, or a bucket and a prefix."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return uri(self.bucket, self.key)


class Fetched(NamedTuple):
    """An object's content, and which one it is."""

    content: bytes
    etag: str


def uri(bucket: str, key: str) -> str:
    """Return ``s3://bucket/key``."""
    return f"s3://{bucket}/{key}"


def parse_uri(address: str) -> Location:
    """Return the bucket and the key of an ``s3://`` URI; the key may be empty.

    Raises
    ------
    InvalidInput
        It is not an S3 URI.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidInput(
            f"{address!r} is not an S3 address.", hint="Write it as s3://BUCKET/KEY."
        )
    return Location(bucket, key)


class Listed(NamedTuple):
    """An object as a listing tells of it."""

    key: str
    etag: str
    """With its quotes."""
    bytes: int


class Objects:
    """Reads and writes whole objects."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def read_bytes(self, address: str, *, check: Callable[[int], None] | None = None) -> bytes:
        """Return an object's bytes; `check` is told their number first and may raise.

        Raises
        ------
        NotFound
            The object or its bucket does not exist.
        """
        bucket, key = parse_uri(address)
        with translated(f"read {address}"):
            found = self._client.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                if check:
                    check(found["ContentLength"])
                return body.read()

    def lines(self, address: str) -> Iterator[str]:
        """Yield the lines of an object's UTF-8 text as they arrive, without their ends.

        Raises
        ------
        NotFound
            The object or its bucket does not exist.
        """
        bucket, key = parse_uri(address)
        with translated(f"read {address}"):
            found = self._client.get_object(Bucket=bucket, Key=key)
            with closing(found["Body"]) as body:
                for line in body.iter_lines(_LINES_CHUNK_BYTES):
                    yield line.decode("utf-8")

    def read_text(self, address: str) -> str:
        """Return an object's UTF-8 text."""
        try:
            return self.read_bytes(address).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{address} does not hold UTF-8 text: {error}.") from error

    def read_json(self, address: str) -> Any:
        """Return an object's JSON value.

        Raises
        ------
        InvalidInput
            The object is not JSON.
        """
        try:
            return json.loads(self.read_text(address))
        except json.JSONDecodeError as error:
            raise InvalidInput(f"{address} does not hold JSON: {error}.") from error

    def write(
        self,
        address: str,
        content: bytes | str,
        *,
        content_type: str = "",
        new: bool = False,
    ) -> None:
        """Write an object; with `new`, only when the key is free.

        Raises
        ------
        Conflict
            With `new`: the key is taken, or was taken by somebody else meanwhile.
        """
        bucket, key = parse_uri(address)
        body = content.encode("utf-8") if isinstance(content, str) else content
        options: dict[str, Any] = {"ContentType": content_type} if content_type else {}
        if new:
            options["IfNoneMatch"] = "*"
        with translated(f"write {address}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def read_tagged(self, address: str) -> tuple[bytes, str]:
        """Return an object's bytes and its ETag, by which `replace` knows it again.

        Raises
        ------
        NotFound
            The object or its bucket does not exist.
        """
        bucket, key = parse_uri(address)
        with translated(f"read {address}"):
            found = self._client.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                return body.read(), found["ETag"]

    def replace(self, address: str, content: bytes, *, etag: str) -> None:
        """Write an object in the place of one that still has an ETag.

        Raises
        ------
        Conflict
            Somebody else has written it meanwhile.
        NotFound
            It is gone.
        """
        bucket, key = parse_uri(address)
        with translated(f"write {address}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, IfMatch=etag)

    def upload_url(self, address: str, *, content_type: str, length: int, seconds: int) -> str:
        """Return a URL to which anybody may PUT one object of this type and length.

        The client must sign by SigV4: the URL's signature then covers both.
        """
        bucket, key = parse_uri(address)
        with translated(f"sign the address {address}"):
            return self._client.generate_presigned_url(
                "put_object",
                Params={
                    "Bucket": bucket,
                    "Key": key,
                    "ContentType": content_type,
                    "ContentLength": length,
                },
                ExpiresIn=seconds,
            )

    def exists(self, address: str) -> bool:
        """Say whether an object exists; a missing bucket counts as no.

        Asked by listing: a role that may list only below a prefix is told 403, not 404, when it
        reads an object that does not exist.
        """
        bucket, key = parse_uri(address)
        try:
            with translated(f"look for {address}"):
                page = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        except NotFound:
            return False
        return [found["Key"] for found in page.get("Contents", [])] == [key]

    def delete(self, address: str) -> None:
        """Delete an object; one that is gone already is no error."""
        bucket, key = parse_uri(address)
        with translated(f"delete {address}"):
            self._client.delete_object(Bucket=bucket, Key=key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the key of every object below an ``s3://`` prefix, in S3's order."""
        bucket, start = parse_uri(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        with translated(f"list {prefix}"):
            for page in pages:
                for found in page.get("Contents", []):
                    yield found["Key"]

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Yield every object below an ``s3://`` prefix, in S3's order.

        Raises
        ------
        NotFound
            The bucket does not exist.
        """
        bucket, start = parse_uri(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        with translated(f"list {prefix}"):
            for page in pages:
                for found in page.get("Contents", []):
                    yield Listed(found["Key"], found["ETag"], found["Size"])

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what lies directly below an ``s3://`` prefix as a folder would, as prefixes."""
        bucket, start = parse_uri(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=start, Delimiter="/"
        )
        with translated(f"list {prefix}"):
            for page in pages:
                for found in page.get("CommonPrefixes", []):
                    yield found["Prefix"]
