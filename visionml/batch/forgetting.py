"""Take the rows of images out of what batch runs have written: files and the table of predictions.

A file of rows is written again without them, and every other version of it deleted for good.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

import pyarrow as pa
from pyarrow import parquet

from visionml.aws.object_versions import Version
from visionml.aws.s3 import uri
from visionml.contracts.tables import PREDICTIONS

ROWS = "rows of batch runs"
"""What is counted of an image."""
PARQUET = "application/vnd.apache.parquet"


class Found(NamedTuple):
    """A row of an image."""

    prediction_id: str
    day: str
    run_id: str


class Versions(Protocol):
    """What is asked of S3: see ``visionml.aws.object_versions.ObjectVersions``."""

    def put(
        self, address: str, content: bytes, *, content_type: str, metadata: Mapping[str, str] = ...
    ) -> str:
        """Write an object and return its version."""

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield the versions of the objects below a prefix."""

    def delete(self, versions: Iterable[Version]) -> int:
        """Delete versions for good."""


class Rows:
    """The rows in a results bucket, and what the table keeps of them."""

    def __init__(
        self,
        versions: Versions,
        read: Callable[[str], bytes],
        bucket: str,
        *,
        forget: Callable[[str], None],
    ) -> None:
        """Take what reads an object's newest version, and what forgets a prediction by its id."""
        self._versions, self._read, self._bucket, self._forget = versions, read, bucket, forget

    def delete(self, found: Iterable[Found]) -> int:
        """Delete rows and return how many there were; those that are gone are no error."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in found:
            self._forget(row.prediction_id)
            wanted.setdefault((row.day, row.run_id), set()).add(row.prediction_id)
        return sum(self._cut(day, run, ids) for (day, run), ids in wanted.items())

    def _cut(self, day: str, run_id: str, ids: set[str]) -> int:
        of_run = re.compile(rf".*/{re.escape(run_id)}-\d+\.parquet")
        by_key: dict[str, list[Version]] = {}
        for version in self._versions.below(uri(self._bucket, PREDICTIONS.folder(day))):
            if of_run.fullmatch(version.key):
                by_key.setdefault(version.key, []).append(version)
        return sum(self._rewrite(key, versions, ids) for key, versions in by_key.items())

    def _rewrite(self, key: str, versions: list[Version], ids: set[str]) -> int:
        readable = [each for each in versions if each.readable]
        if not readable:
            return 0
        content, removed, left = without(self._read(uri(self._bucket, key)), ids)
        if removed:
            if left:
                self._versions.put(uri(self._bucket, key), content, content_type=PARQUET)
            self._versions.delete(versions)
        return removed


def without(content: bytes, ids: set[str]) -> tuple[bytes, int, int]:
    """Return a file without the rows of some ids, how many those were, and how many are left."""
    rows = parquet.read_table(io.BytesIO(content))
    theirs = [each.as_py() in ids for each in rows["prediction_id"]]
    kept = rows.filter(pa.array([not each for each in theirs], pa.bool_()))
    target = io.BytesIO()
    parquet.write_table(kept, target, compression="snappy")
    return target.getvalue(), sum(theirs), kept.num_rows
