"""One S3 bucket that keeps versions: exactly what an event told of is read, copied and deleted."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated
from visionml.aws.object_versions import ObjectVersions, Version
from visionml.aws.s3 import Location, uri
from visionml.errors import AccessDenied, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BEGINNING_BYTES = 4096
"""How much is read of what is larger than it may be: enough to see what kind of file it is."""
_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class Exact(NamedTuple):
    """One version of an object, and what its content was."""

    key: str
    version: str
    etag: str


class Held(NamedTuple):
    """What one version of an object holds."""

    exact: Exact
    size: int
    """Bytes."""
    metadata: Mapping[str, str]
    content: bytes
    """All of it; of what is larger than it may be, the beginning."""


class Form(NamedTuple):
    """Where and with which fields a browser may POST one object."""

    url: str
    fields: dict[str, str]


class Bucket:
    """Reads, writes, copies and deletes versions of objects, and signs requests to the bucket."""

    def __init__(self, client: "S3Client", name: str) -> None:
        """Take a client; where it signs forms, one that signs by version 4."""
        self._client, self._versions = client, ObjectVersions(client)
        self.name = name

    def read(self, key: str, version: str, *, limit: int) -> Held:
        """Return one version; of more than `limit` bytes only the beginning is read.

        Raises
        ------
        NotFound
            That version has been deleted, or the bucket.
        """
        doing = f"read the version {version} of {uri(self.name, key)}"
        try:
            with translated(doing):
                found = self._client.get_object(Bucket=self.name, Key=key, VersionId=version)
                size = found["ContentLength"]
                with found["Body"] as body:
                    content = body.read(None if size <= limit else BEGINNING_BYTES)
        except AccessDenied as error:
            raise self._gone(key, version, error) from error
        return Held(Exact(key, version, found["ETag"]), size, found.get("Metadata", {}), content)

    def newest(self, key: str) -> Exact:
        """Return which version of an object is the newest.

        Raises
        ------
        NotFound
            There is none, or its deletion is newer.
        """
        for each in self._versions_of(key):
            if each.readable and each.etag is not None:
                return Exact(key, each.version, each.etag)
        raise NotFound(f"There is no {uri(self.name, key)}.")

    def write(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] = _NO_METADATA,
    ) -> str:
        """Write an object and return its version."""
        return self._versions.put(
            uri(self.name, key), content, content_type=content_type, metadata=metadata
        )

    def copy(
        self,
        source: Exact,
        target: Location,
        *,
        content_type: str,
        metadata: Mapping[str, str] = _NO_METADATA,
    ) -> str:
        """Copy one version of up to 5 GB into this bucket or another; return the copy's version.

        The source's own type, metadata and tags are left behind. In a bucket without versions the
        copy's is ``null``.

        Raises
        ------
        NotFound
            The version has been deleted.
        Conflict
            It does not hold what it held when it was read.
        """
        try:
            with translated(f"copy {uri(self.name, source.key)} to {target}"):
                answer = self._client.copy_object(
                    Bucket=target.bucket,
                    Key=target.key,
                    CopySource={
                        "Bucket": self.name,
                        "Key": source.key,
                        "VersionId": source.version,
                    },
                    CopySourceIfMatch=source.etag,
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",  # to copy tags takes permissions of their own
                    Metadata=dict(metadata),
                    ContentType=content_type,
                )
        except AccessDenied as error:
            raise self._gone(source.key, source.version, error) from error
        return answer.get("VersionId", "null")

    def delete(self, key: str, version: str) -> None:
        """Delete one version for good; one that is gone already is no error."""
        with translated(f"delete the version {version} of {uri(self.name, key)}"):
            self._client.delete_object(Bucket=self.name, Key=key, VersionId=version)

    def purge(self, key: str) -> None:
        """Delete every version of an object and every mark of its deletion."""
        for each in list(self._versions_of(key)):
            self.delete(key, each.version)

    def form(
        self, key: str, *, content_type: str, length: int, metadata: Mapping[str, str], seconds: int
    ) -> Form:
        """Return a form that takes one object of exactly this type, length and metadata."""
        fields = {
            "Content-Type": content_type,
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
        }
        conditions = [{name: value} for name, value in fields.items()]
        with translated(f"sign a form for {uri(self.name, key)}"):
            signed = self._client.generate_presigned_post(
                Bucket=self.name,
                Key=key,
                Fields=fields,
                Conditions=[*conditions, ["content-length-range", length, length]],
                ExpiresIn=seconds,
            )
        return Form(signed["url"], signed["fields"])

    def link(self, key: str, *, seconds: int) -> str:
        """Return a URL at which anybody may read an object for a while, if the signer may."""
        with translated(f"sign the address {uri(self.name, key)}"):
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
            )

    def _versions_of(self, key: str) -> Iterator[Version]:
        versions = self._versions.below(uri(self.name, key))
        return (each for each in versions if each.key == key)

    def _gone(self, key: str, version: str, error: AccessDenied) -> AccessDenied | NotFound:
        """Return what a refusal means.

        Who may list only below a prefix is told 403, not 404, of what does not exist.
        """
        known = (each.version for each in self._versions_of(key) if each.etag is not None)
        if version in known:
            return error
        return NotFound(f"The version {version} of {uri(self.name, key)} has been deleted.")
