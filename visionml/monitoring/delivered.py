"""Answers and truths as they lie in the results bucket: rows of a time, read by partition."""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

from visionml.contracts.tables import GROUND_TRUTHS, INFERENCE_EVENTS, TableSchema
from visionml.monitoring.window import CLOCKS_DIFFER

Row = dict[str, Any]
Listing = Callable[[str, datetime], Iterable[str]]
"""Takes an ``s3://`` prefix and a moment; returns what was written there since."""
Read = Callable[[str], bytes]

_LEFT_OUT = {"image_sha256"}
_AT_ONCE = 8


class Delivered:
    """Reads the tables of events and truths."""

    def __init__(self, bucket: str, *, listing: Listing, read: Read) -> None:
        self._bucket, self._listing, self._read = bucket, listing, read

    def events(self, begin: datetime, end: datetime, *, now: datetime) -> list[Row]:
        """Return the rows of answers given from `begin` to `end`, as far as they have come.

        Partitions are days of delivery, which comes after the answer. Answers whose time has not
        come yet, or cannot be read, are among them, so that they are counted.
        """
        days = _days(begin, now)
        addresses = self._written(INFERENCE_EVENTS, days, since=begin - CLOCKS_DIFFER)
        found = (row for content in self._contents(addresses) for row in rows_of(content))
        ahead = now + CLOCKS_DIFFER
        return [row for row in found if _within(row, begin, end) or not _within(row, None, ahead)]

    def truths(self, begin: datetime, end: datetime) -> list[Row]:
        """Return the truths that are known of answers given from `begin` to `end`."""
        days = _days(begin, end)
        addresses = self._written(GROUND_TRUTHS, days, since=begin - CLOCKS_DIFFER)
        lines = (line for content in self._contents(addresses) for line in content.splitlines())
        return [row for row in map(json.loads, lines) if _within(row, begin, end)]

    def _written(self, schema: TableSchema, days: Iterable[date], since: datetime) -> list[str]:
        prefixes = (f"s3://{self._bucket}/{schema.folder(day.isoformat())}" for day in days)
        return [address for prefix in prefixes for address in self._listing(prefix, since)]

    def _contents(self, addresses: Sequence[str]) -> Iterator[bytes]:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rows") as pool:
            yield from pool.map(self._read, addresses)


def rows_of(parquet: bytes) -> list[Row]:
    """Return the rows of a Parquet file of events, without what monitoring does not look at."""
    from pyarrow import parquet as reader  # noqa: PLC0415 - it takes a while

    file = reader.ParquetFile(io.BytesIO(parquet))
    wanted = [name for name in file.schema_arrow.names if name not in _LEFT_OUT]
    rows: list[Row] = file.read(columns=wanted).to_pylist()
    return rows


def _days(begin: datetime, end: datetime) -> list[date]:
    first, last = begin.astimezone(UTC).date(), end.astimezone(UTC).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _within(row: Row, begin: datetime | None, end: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(str(row["time"]))
    except (KeyError, ValueError):
        return False
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (begin is None or begin <= known) and known < end
