"""Versions of the objects in S3: a deleted object of a versioned bucket has not gone by that."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated
from visionml.aws.s3 import parse_uri, uri
from visionml.errors import AccessDenied, VisionmlError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_DELETED_AT_ONCE = 1000


class Version(NamedTuple):
    """One version of an object, or the mark of its deletion."""

    bucket: str
    key: str
    version: str
    readable: bool = True
    """Whether it is the object's newest one, and no mark."""
    etag: str | None = None
    """Of its content; a mark has none."""


class ObjectVersions:
    """Writes, lists and deletes versions."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def put(
        self,
        address: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Write an object and return its version; a bucket without versions has ``null``."""
        bucket, key = parse_uri(address)
        with translated(f"write {address}"):
            answer = self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                Metadata=dict(metadata),
            )
        return answer.get("VersionId", "null")

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield every version of every object whose ``s3://`` address begins with `prefix`.

        Raises
        ------
        NotFound
            The bucket does not exist.
        """
        bucket, start = parse_uri(prefix)
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=start
        )
        with translated(f"list the versions below {prefix}"):
            for page in pages:
                for found in page.get("Versions", []):
                    yield Version(
                        bucket,
                        found["Key"],
                        found["VersionId"],
                        readable=found["IsLatest"],
                        etag=found["ETag"],
                    )
                for mark in page.get("DeleteMarkers", []):
                    yield Version(bucket, mark["Key"], mark["VersionId"], readable=False)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one slash further, such as ``previews/150/`` below ``previews/``."""
        bucket, start = parse_uri(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=start, Delimiter="/"
        )
        with translated(f"list {prefix}"):
            for page in pages:
                for found in page.get("CommonPrefixes", []):
                    yield found["Prefix"]

    def delete(self, versions: Iterable[Version]) -> int:
        """Delete versions for good, and return how many; one that is gone already is no error.

        Raises
        ------
        AccessDenied, VisionmlError
            S3 kept some of them; the message names one and says why.
        """
        by_bucket: dict[str, list[Version]] = {}
        for each in versions:
            by_bucket.setdefault(each.bucket, []).append(each)
        for bucket, found in by_bucket.items():
            waiting = iter(found)
            while batch := list(islice(waiting, _DELETED_AT_ONCE)):
                self._delete(bucket, batch)
        return sum(map(len, by_bucket.values()))

    def _delete(self, bucket: str, batch: list[Version]) -> None:
        named: list[ObjectIdentifierTypeDef] = [
            {"Key": each.key, "VersionId": each.version} for each in batch
        ]
        with translated(f"delete {uri(bucket, batch[0].key)}"):
            answer = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": named, "Quiet": True}
            )
        for kept in answer.get("Errors", []):
            kind = AccessDenied if kept.get("Code") == "AccessDenied" else VisionmlError
            raise kind(
                f"Could not delete {uri(bucket, kept.get('Key', ''))}:"
                f" {kept.get('Code', '')}: {kept.get('Message', '')}.",
                hint="Whoever deletes images must be allowed s3:DeleteObjectVersion.",
            )
