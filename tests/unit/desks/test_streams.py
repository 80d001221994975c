"""The desk of streams: what the queue of failures tells of is sent again, or stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.consumer import World, request
from visionml.aws.queue import Waiting
from visionml.contracts import settings
from visionml.contracts.names import Names
from visionml.contracts.stream import GivenUp, StreamRange
from visionml.desks.streams import Streams, moment
from visionml.errors import InvalidInput

ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)


class Kinesis:
    """A stream of one shard, whose oldest records are gone."""

    def __init__(self, *contents: bytes) -> None:
        self.kept = {str(100 + number): each for number, each in enumerate(contents)}
        self.sent: list[bytes] = []

    def get_shard_iterator(self, **asked: Any) -> dict[str, str]:
        if asked["ShardId"] != "shard-0":
            answer: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "No shard."}}
            raise ClientError(answer, "GetShardIterator")
        return {"ShardIterator": "start"}

    def get_records(self, **_: Any) -> dict[str, Any]:
        records = [
            {
                "SequenceNumber": sequence,
                "ApproximateArrivalTimestamp": ARRIVED,
                "PartitionKey": "key",
                "Data": data,
            }
            for sequence, data in self.kept.items()
        ]
        return {"Records": records, "MillisBehindLatest": 0, "NextShardIterator": None}

    def put_records(self, **asked: Any) -> dict[str, Any]:
        self.sent += [each["Data"] for each in asked["Records"]]
        return {
            "Records": [{"ShardId": "shard-0", "SequenceNumber": "9"} for _ in asked["Records"]]
        }


class Messages:
    """A queue, whose messages are hidden while somebody has them."""

    def __init__(self, *ranges: tuple[str, int, int]) -> None:
        self.there = [_message(*each) for each in ranges]
        self.released: list[str] = []

    def depth(self) -> int:
        return len(self.there)

    def receive(self, *, hidden_seconds: int) -> Iterator[Waiting]:
        assert hidden_seconds > 0
        yield from list(self.there)

    def delete(self, message: Waiting) -> None:
        self.there.remove(message)

    def release(self, message: Waiting) -> None:
        self.released.append(message.handle)


def _message(shard: str, first: int, last: int) -> Waiting:
    where = StreamRange(
        shard_id=shard,
        start_sequence_number=str(first),
        end_sequence_number=str(last),
        approximate_arrival_of_first_record=ARRIVED,
        approximate_arrival_of_last_record=ARRIVED,
        batch_size=last - first + 1,
        stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/requests",
    )
    told = GivenUp(KinesisBatchInfo=where)
    return Waiting(told.model_dump_json(by_alias=True), f"{shard}:{first}")


@pytest.fixture
def world() -> World:
    return World()


def desk(world: World, kinesis: Kinesis, messages: Messages) -> Streams:
    chosen = settings.load("local")
    platform: Any = SimpleNamespace(settings=chosen, names=Names.of(chosen))
    made = Streams(platform)
    vars(made).update(_kinesis=kinesis, failures=messages, predictions=world.predictions)
    return made


def asked(world: World, name: str) -> bytes:
    world.predictions.accept(name)
    return request(name, world.clock).model_dump_json().encode()


def test_what_the_queue_tells_of_is_sent_and_its_messages_go(world: World) -> None:
    kinesis = Kinesis(asked(world, "p0"), b"nothing", asked(world, "p2"))
    messages, steps = Messages(("shard-0", 100, 100), ("shard-0", 101, 102)), []
    answered = desk(world, kinesis, messages).replay_failed(
        on_progress=lambda done, total: steps.append((done, total))
    )
    assert [answered.replayed.new, answered.replayed.failed] == [2, 1]
    assert (answered.messages, answered.gone, messages.there) == (2, 0, [])
    assert len(kinesis.sent) == 2
    assert steps == [(1, 2), (2, 2)]


def test_a_message_about_records_that_are_gone_stays(world: World) -> None:
    messages = Messages(("shard-0", 98, 100), ("shard-7", 1, 1))
    kinesis = Kinesis(asked(world, "p0"))
    answered = desk(world, kinesis, messages).replay_failed()
    assert (answered.messages, answered.gone, answered.replayed.new) == (0, 3, 1)
    assert messages.released == ["shard-0:98", "shard-7:1"]


def test_a_dry_run_sends_and_deletes_nothing(world: World) -> None:
    messages, kinesis = Messages(("shard-0", 100, 100)), Kinesis(asked(world, "p0"))
    answered = desk(world, kinesis, messages).replay_failed(dry_run=True)
    assert (answered.messages, answered.replayed.new) == (1, 1)
    assert (messages.depth(), messages.released, kinesis.sent) == (1, ["shard-0:100"], [])


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    assert moment("2026-11-20") == ARRIVED
    assert moment("2026-11-20T01:00+01:00") == ARRIVED
    with pytest.raises(InvalidInput, match="no moment"):
        moment("yesterday")


def test_a_time_that_is_to_come_and_a_stream_that_is_not_there_are_refused(world: World) -> None:
    streams = desk(world, Kinesis(), Messages())
    with pytest.raises(InvalidInput, match="is not before"):
        streams.replay(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(InvalidInput, match="no stream"):
        streams.name("pictures")  # type: ignore[arg-type]
