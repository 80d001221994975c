"""Streams: what is refused is sent again, and what is read ends where it should."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from visionml.aws.stream import Found, put_all, read_range, read_since, shards
from visionml.errors import Unavailable

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


class Kinesis:
    """A stream of two shards, of which the first is closed; it refuses when it is told to."""

    def __init__(self, records: int = 0) -> None:
        self.refusals: list[set[bytes]] = []
        self.calls = self.reads = 0
        self.taken: list[bytes] = []
        self.records = [
            {
                "SequenceNumber": str(100 + number),
                "ApproximateArrivalTimestamp": BEGAN + timedelta(seconds=number),
                "PartitionKey": "key",
                "Data": str(number).encode(),
            }
            for number in range(records)
        ]

    def put_records(self, **asked: Any) -> dict[str, Any]:
        refused = self.refusals.pop(0) if self.refusals else set()
        self.calls += 1
        answers: list[dict[str, str]] = []
        for each in asked["Records"]:
            if each["Data"] in refused:
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.taken.append(each["Data"])
                answers.append({"ShardId": "shard-0", "SequenceNumber": str(len(self.taken))})
        return {"Records": answers}

    def list_shards(self, **asked: str) -> dict[str, Any]:
        if "NextToken" in asked:
            return {"Shards": [{"ShardId": "shard-1", "SequenceNumberRange": {}}]}
        closed = {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}
        return {
            "Shards": [{"ShardId": "shard-0", "SequenceNumberRange": closed}],
            "NextToken": "more",
        }

    def get_shard_iterator(self, **asked: Any) -> dict[str, str]:
        if asked["ShardIteratorType"] == "AT_TIMESTAMP":
            late = [
                e for e in self.records if e["ApproximateArrivalTimestamp"] < asked["Timestamp"]
            ]
            return {"ShardIterator": str(len(late))}
        return {"ShardIterator": "0"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        self.reads += 1
        iterator = asked["ShardIterator"]
        start = int(iterator)
        page = self.records[start : start + 4]
        # an empty page may come before the shard's end
        if self.reads == 1:
            return {"Records": [], "MillisBehindLatest": 5, "NextShardIterator": iterator}
        left = len(self.records) - start - len(page)
        answer: dict[str, Any] = {"Records": page, "MillisBehindLatest": left}
        return {**answer, "NextShardIterator": str(start + len(page))}


def numbers(found: list[Found]) -> list[int]:
    return [int(each.data) for each in found]


def test_what_a_stream_refuses_is_sent_again_and_keeps_its_place() -> None:
    kinesis, pauses = Kinesis(), list[float]()
    kinesis.refusals = [{b"1", b"2"}, {b"2"}]
    contents = [(str(number).encode(), "key") for number in range(4)]
    places = put_all(kinesis, "stream", contents, sleep=pauses.append)
    assert kinesis.taken == [b"0", b"3", b"1", b"2"]
    assert places == [("shard-0", each) for each in ("1", "3", "4", "2")]
    assert pauses == [0.2, 0.4]


def test_a_stream_that_goes_on_refusing_is_unavailable() -> None:
    kinesis = Kinesis()
    kinesis.refusals = [{b"1"}] * 100
    with pytest.raises(Unavailable, match="refused 1 records"):
        put_all(kinesis, "stream", [(b"1", "key")], sleep=lambda _: None)
    assert kinesis.calls == 6


def test_many_records_are_sent_five_hundred_at_a_time() -> None:
    kinesis = Kinesis()
    put_all(kinesis, "stream", [(b"x", "key")] * 1001)
    assert kinesis.calls == 3


def test_closed_shards_are_listed_with_the_open_ones() -> None:
    assert [(each.name, each.open) for each in shards(Kinesis(), "stream")] == [
        ("shard-0", False),
        ("shard-1", True),
    ]


def test_a_time_is_read_to_its_end_over_empty_pages() -> None:
    kinesis = Kinesis(records=20)
    found = read_since(
        kinesis,
        "stream",
        "shard-0",
        BEGAN + timedelta(seconds=3),
        until=BEGAN + timedelta(seconds=9),
        sleep=lambda _: None,
    )
    assert numbers(list(found)) == [*range(3, 10)]


def test_reading_ends_with_the_shards_newest_record() -> None:
    far = BEGAN + timedelta(days=1)
    found = read_since(Kinesis(6), "stream", "shard-0", BEGAN, until=far, sleep=lambda _: None)
    assert numbers(list(found)) == [*range(6)]


def test_a_range_holds_both_of_its_ends() -> None:
    found = read_range(Kinesis(9), "stream", "shard-0", "102", "105", sleep=lambda _: None)
    assert numbers(list(found)) == [2, 3, 4, 5]
