"""Records written to and read from a Kinesis stream."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from visionml.aws.errors import translated
from visionml.errors import Unavailable

_PUT_AT_ONCE = 500
_READ_AT_ONCE = 1000
_ATTEMPTS = 6
_PAUSE_SECONDS = 0.2
"""A shard answers five reads a second."""


class Found(NamedTuple):
    """A record as it lies in a stream."""

    shard: str
    sequence: str
    arrived: datetime
    key: str
    data: bytes


class Shard(NamedTuple):
    """A shard, which takes records only while it is open."""

    name: str
    open: bool


def put(client: Any, stream: str, content: bytes, *, key: str) -> None:
    """Append a record with a boto3 Kinesis client; records of the same `key` keep their order.

    Raises
    ------
    Unavailable
        The stream is throttled or cannot be reached.
    """
    with translated(f"write to the stream {stream}"):
        client.put_record(StreamName=stream, Data=content, PartitionKey=key)


def put_all(
    client: Any,
    stream: str,
    records: Sequence[tuple[bytes, str]],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[str, str]]:
    """Append contents with their keys, and return shard and sequence number of each.

    Raises
    ------
    Unavailable
        Some were refused however often they were sent; others may have been taken.
    """
    places: dict[int, tuple[str, str]] = {}
    for start in range(0, len(records), _PUT_AT_ONCE):
        waiting = list(range(start, min(start + _PUT_AT_ONCE, len(records))))
        for attempt in range(_ATTEMPTS):
            sent = [{"Data": records[n][0], "PartitionKey": records[n][1]} for n in waiting]
            with contextlib.suppress(Unavailable), translated(f"write to the stream {stream}"):
                answers = client.put_records(StreamName=stream, Records=sent)["Records"]
                for number, answer in zip(waiting, answers, strict=True):
                    if not answer.get("ErrorCode"):
                        places[number] = answer["ShardId"], answer["SequenceNumber"]
            waiting = [number for number in waiting if number not in places]
            if not waiting:
                break
            sleep(_PAUSE_SECONDS * 2**attempt)
        else:
            raise Unavailable(
                f"The stream {stream} refused {len(waiting)} records, however often they came.",
                hint="It has too few shards for this; try again later.",
            )
    return [places[number] for number in range(len(records))]


def shards(client: Any, stream: str) -> list[Shard]:
    """Return the shards that still hold records, closed ones too."""
    found: list[Shard] = []
    asked: dict[str, Any] = {"StreamName": stream}
    while True:
        with translated(f"list the shards of the stream {stream}"):
            page = client.list_shards(**asked)
        for each in page["Shards"]:
            closed = each["SequenceNumberRange"].get("EndingSequenceNumber")
            found.append(Shard(each["ShardId"], open=not closed))
        if not page.get("NextToken"):
            return found
        asked = {"NextToken": page["NextToken"]}


def read_since(
    client: Any,
    stream: str,
    shard: str,
    since: datetime,
    *,
    until: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Found]:
    """Yield the records of a shard that arrived in a time, as far as the stream keeps them."""
    start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    for record in _read(client, stream, shard, start, sleep):
        if record.arrived > until:
            return
        yield record


def read_range(
    client: Any,
    stream: str,
    shard: str,
    first: str,
    last: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Found]:
    """Yield the records of a shard from one sequence number to another, both included."""
    start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
    for record in _read(client, stream, shard, start, sleep):
        if int(record.sequence) > int(last):
            return
        if int(record.sequence) >= int(first):
            yield record


def _read(
    client: Any, stream: str, shard: str, start: dict[str, Any], sleep: Callable[[float], None]
) -> Iterator[Found]:
    """Yield records until the shard has no more at this moment."""
    with translated(f"read the shard {shard} of the stream {stream}"):
        iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, **start)[
            "ShardIterator"
        ]
    while iterator:
        with translated(f"read the shard {shard} of the stream {stream}"):
            page = client.get_records(ShardIterator=iterator, Limit=_READ_AT_ONCE)
        for each in page["Records"]:
            arrived = each["ApproximateArrivalTimestamp"]
            yield Found(shard, each["SequenceNumber"], arrived, each["PartitionKey"], each["Data"])
        if not page["Records"] and not page.get("MillisBehindLatest"):
            return
        iterator = page.get("NextShardIterator")
        sleep(_PAUSE_SECONDS)
