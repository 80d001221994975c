"""S3 as a job's role sees it: every object is read and written as a session of that role."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode, urlsplit

from visionml.local import ministack
from visionml.local.ministack import Call

_BATCH = 16
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class DataRefused(Exception):
    """S3 did not give or take what a job needs; the text is fit for ``FailureReason``."""


@dataclass(frozen=True)
class Location:
    """A bucket and a key or prefix."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Location":
        """Read ``s3://bucket/key``."""
        parts = urlsplit(uri)
        return cls(parts.netloc, parts.path.lstrip("/"))

    @property
    def path(self) -> str:
        """The object's path in a request."""
        return f"/{self.bucket}/{self.key}"

    def below(self, *parts: str) -> "Location":
        """Return the location of something under this prefix."""
        return Location(self.bucket, "/".join([self.key.rstrip("/"), *parts]).lstrip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Item:
    """An object to fetch, and where it goes below a folder."""

    source: Location
    path: str


@dataclass(frozen=True)
class Objects:
    """One role's access to S3, in the scope of the thread that uses it."""

    session: ministack.Session
    role: str

    def under(self, uri: str) -> list[Item]:
        """Return the objects under a prefix, or the one object, sorted by key.

        Raises
        ------
        DataRefused
            There is none, or the role may not list the bucket.
        """
        prefix = Location.of(uri)
        try:
            keys = [key for key in self._keys(prefix) if not key.endswith("/")]
        except _Refused as refused:
            raise DataRefused(self._nothing(uri, prefix, message=str(refused))) from refused
        if not keys:
            raise DataRefused(self._nothing(uri, prefix))
        return [Item(Location(prefix.bucket, key), relative(key, prefix.key)) for key in keys]

    def in_manifest(self, uri: str) -> list[Item]:
        """Return the objects that a ManifestFile names, in its order.

        Raises
        ------
        DataRefused
            The manifest cannot be read or is none.
        """
        try:
            first, *rest = json.loads(self.read(Location.of(uri)))
            prefix = Location.of(first["prefix"])
            return [Item(Location(prefix.bucket, prefix.key + key), key) for key in rest]
        except (ValueError, TypeError, KeyError):
            raise DataRefused(
                f"The manifest {uri} is not a JSON list of a prefix and the keys below it."
            ) from None

    def read(self, source: Location) -> bytes:
        """Return an object's bytes."""
        return self._read(source, *ministack.call_as(self.session, "s3", Call("GET", source.path)))

    def _read(self, source: Location, answer: ministack.Response) -> bytes:
        try:
            return _content(answer)
        except _Refused as refused:
            raise DataRefused(
                f"Data download failed:{source}: {refused}. Please ensure that the object exists "
                f'and that the role "{self.role}" has "s3:GetObject" permissions on it.'
            ) from refused

    def status(self, source: Location) -> int:
        """Return the HTTP status with which S3 answers for an object: 200, 403 or 404."""
        return ministack.call_as(self.session, "s3", Call("HEAD", source.path))[0][0]

    def status_below(self, prefix: Location) -> int:
        """Return the HTTP status with which S3 lists a prefix; 404 when there is nothing below."""
        query = urlencode({"list-type": "2", "prefix": prefix.key, "max-keys": "1"})
        call = Call("GET", f"/{prefix.bucket}", query=query)
        status, _headers, content = ministack.call_as(self.session, "s3", call)[0]
        if status >= 300:
            return status
        found = ET.fromstring(content).find(f"{_NAMESPACE}Contents")  # noqa: S314
        return 404 if found is None else status

    def fetch(self, items: Sequence[Item], folder: Path) -> None:
        """Copy objects into a folder."""
        root = folder.resolve()
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            calls = [Call("GET", item.source.path) for item in batch]
            answers = ministack.call_as(self.session, "s3", *calls)
            for item, answer in zip(batch, answers, strict=True):
                target = (root / PurePosixPath(item.path)).resolve()
                if not target.is_relative_to(root):
                    raise DataRefused(f"The key {item.source} leads out of the job's folder.")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self._read(item.source, answer))

    def store(self, folder: Path, target: Location, *, key_id: str | None = None) -> None:
        """Copy the files of a folder below a prefix."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(path, target.below(path.relative_to(folder).as_posix()), key_id=key_id)

    def put(self, path: Path, target: Location, *, key_id: str | None = None) -> None:
        """Copy one file to an object, encrypted with a KMS key when one is named."""
        headers = {"content-type": "application/octet-stream"}
        if key_id:
            headers["x-amz-server-side-encryption"] = "aws:kms"
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = key_id
        try:
            call = Call("PUT", target.path, path.read_bytes(), headers=headers)
            _content(*ministack.call_as(self.session, "s3", call))
        except _Refused as refused:
            raise DataRefused(
                f"Artifact upload failed:{target}: {refused}. Please ensure that the bucket exists "
                f'and that the role "{self.role}" has "s3:PutObject" permissions on it.'
            ) from refused

    def _keys(self, prefix: Location) -> Iterator[str]:
        query = {"list-type": "2", "prefix": prefix.key}
        while True:
            call = Call("GET", f"/{prefix.bucket}", query=urlencode(query))
            page = ET.fromstring(  # noqa: S314  (the embedded S3 wrote it)
                _content(*ministack.call_as(self.session, "s3", call))
            )
            yield from (str(key.text) for key in page.iter(f"{_NAMESPACE}Key"))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token

    def _nothing(self, uri: str, prefix: Location, *, message: str = "") -> str:
        sentence = (
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            f"that the bucket exists in the selected region ({ministack.region()}), that objects "
            f'exist under that S3 prefix, and that the role "{self.role}" has "s3:ListBucket" '
            f'permissions on bucket "{prefix.bucket}".'
        )
        return f"{sentence} Error message from S3: {message}" if message else sentence


def shard(items: Sequence[Item], *, host: int, hosts: int) -> list[Item]:
    """Return one host's share of objects, as ``ShardedByS3Key`` deals them out."""
    return sorted(items, key=lambda item: item.source.key)[host::hosts]


class _Refused(Exception):
    """S3's own message."""


def _content(answer: ministack.Response) -> bytes:
    status, _headers, content = answer
    if status >= 300:
        raise _Refused(_message(content) or f"HTTP status {status}")
    return content


def _message(content: bytes) -> str:
    try:
        return str(ET.fromstring(content).findtext("Message") or "")  # noqa: S314
    except ET.ParseError:
        return ""


def relative(key: str, prefix: str) -> str:
    """Return where an object goes below the folder of the prefix that it was found under."""
    if prefix == "" or prefix.endswith("/"):
        return key[len(prefix) :]
    if key.startswith(f"{prefix}/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]
