"""Events and truths of a time, read by the partitions in which they can be."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from visionml.contracts.tables import GROUND_TRUTHS, INFERENCE_EVENTS
from visionml.monitoring.delivered import Delivered, rows_of

END = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
BEGIN = END - timedelta(hours=1)
NOW = END + timedelta(minutes=10)


def event(name: str, time: datetime | str, **more: Any) -> dict[str, Any]:
    moment = time if isinstance(time, str) else time.isoformat()
    return {"prediction_id": name, "time": moment, "image_sha256": "0" * 64, **more}


def file(*rows: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows)), content)
    return content.getvalue()


class Bucket:
    """Objects with the moment at which each was written."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[datetime, bytes]] = {}
        self.asked: list[str] = []

    def put(self, folder: str, content: bytes, *, written: datetime) -> None:
        self.objects[f"s3://results/{folder}{len(self.objects)}"] = (written, content)

    def listing(self, prefix: str, since: datetime) -> list[str]:
        self.asked.append(prefix)
        found = self.objects.items()
        return [name for name, (at, _) in found if name.startswith(prefix) and at >= since]

    def read(self, address: str) -> bytes:
        return self.objects[address][1]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def read(bucket: Bucket) -> Delivered:
    return Delivered("results", listing=bucket.listing, read=bucket.read)


def test_events_are_read_from_the_days_in_which_they_may_have_come(bucket: Bucket) -> None:
    early, late = BEGIN + timedelta(minutes=1), END - timedelta(minutes=1)
    bucket.put(INFERENCE_EVENTS.folder("2026-11-19"), file(event("a", early)), written=early)
    rows = file(event("b", late), event("c", END), event("d", BEGIN - timedelta(minutes=1)))
    bucket.put(INFERENCE_EVENTS.folder("2026-11-20"), rows, written=NOW)
    old = INFERENCE_EVENTS.folder("2026-11-19")
    bucket.put(old, b"not even opened", written=BEGIN - timedelta(hours=1))
    found = read(bucket).events(BEGIN, END, now=NOW)
    assert [row["prediction_id"] for row in found] == ["a", "b"]
    assert bucket.asked == [f"s3://results/events/date=2026-11-{day}/" for day in ("19", "20")]


def test_events_of_times_that_make_no_sense_are_kept_to_be_counted(bucket: Bucket) -> None:
    rows = file(event("future", NOW + timedelta(hours=2)), event("never", "noon"))
    bucket.put(INFERENCE_EVENTS.folder("2026-11-20"), rows, written=NOW)
    found = read(bucket).events(BEGIN, END, now=NOW)
    assert [row["prediction_id"] for row in found] == ["future", "never"]


def test_which_image_it_was_is_not_read() -> None:
    (row,) = rows_of(file(event("a", BEGIN, statistics={"brightness": 3.0})))
    assert "image_sha256" not in row
    assert row["statistics"] == {"brightness": 3.0}


def test_truths_are_read_by_the_day_of_their_answers(bucket: Bucket) -> None:
    row = {"prediction_id": "a", "time": BEGIN.isoformat(), "label": "x"}
    content = f"{json.dumps(row)}\n".encode()
    bucket.put(GROUND_TRUTHS.folder("2026-11-19"), content, written=NOW + timedelta(days=3))
    assert read(bucket).truths(BEGIN, END) == [row]
    assert read(bucket).truths(END, NOW) == []
