"""Objects as files that the query engine opens, each read counted as bytes scanned."""

import io
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem

from visionml.local.analytics.objects import Found, Objects, Refused

SCHEME = "table"


class LimitExceeded(Exception):
    """More was read than a query may read."""


class Scan:
    """What a query reads: objects are fetched when they are opened, and counted as they are read.

    Of Parquet files only those parts count that the query needs, as with Athena.
    """

    def __init__(self, objects: Objects, *, limit: int | None) -> None:
        self._objects, self._limit = objects, limit
        self._contents: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.files: dict[str, Found] = {}
        self.bytes_scanned = 0
        self.error: Exception | None = None
        """Why reading ended; the query engine's own error hides it."""

    def name(self, found: Found) -> str:
        """Return the name under which the query engine opens an object."""
        path = f"/{found.bucket}/{found.key}"
        self.files[path] = found
        return f"{SCHEME}://{path}"

    def open(self, path: str) -> io.BytesIO:
        """Return an object's content, which counts itself."""
        if path not in self._contents:
            try:
                self._contents[path] = self._objects.read(self.files[path])
            except Refused as error:
                self.error = error
                raise OSError(str(error)) from error
        return _Counted(self._contents[path], self)

    def count(self, size: int) -> None:
        """Count bytes that were read."""
        with self._lock:
            self.bytes_scanned += size
        if self._limit is not None and self.bytes_scanned > self._limit:
            self.error = LimitExceeded()
            raise OSError("the limit is exceeded")


class _Counted(io.BytesIO):
    def __init__(self, content: bytes, scan: Scan) -> None:
        super().__init__(content)
        self._scan = scan

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._scan.count(len(content))
        return content


class Files(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The objects of one query, as the engine's file system."""

    protocol = SCHEME
    cachable = False

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self._scan = scan

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.partition("://")[2] or path

    def info(self, path: str, **_options: Any) -> Mapping[str, Any]:
        """Return name and size, without a request."""
        name = self._strip_protocol(path)
        found = self._scan.files.get(name)
        if found is None:
            raise FileNotFoundError(name)
        return {"name": name, "size": found.size, "type": "file"}

    def exists(self, path: str, **_options: Any) -> bool:
        """Tell whether a table has the object."""
        return self._strip_protocol(path) in self._scan.files

    def glob(self, path: str, **_options: Any) -> list[str]:
        """Return the path: names are never patterns here."""
        return [path]

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """List nothing: tables name their objects."""
        del path, detail
        return []

    def modified(self, path: str) -> datetime:
        """Return now: an object is read once."""
        del path
        return datetime.now(UTC)

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> io.BytesIO:
        del mode
        return self._scan.open(self._strip_protocol(path))
