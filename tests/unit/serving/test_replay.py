"""Records sent again: what has ended well is left alone, what has not is sent once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.consumer import World, request
from tests.fakes.crashes import Crash
from visionml.aws.stream import Found
from visionml.contracts.inference import InferenceEvent, InferenceRequest
from visionml.errors import RequestRefused
from visionml.serving.replay import Replayed, of_events, of_requests, replay
from visionml.serving.truths import Truths

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World()


class Stream:
    """Takes records, and has them consumed."""

    def __init__(self, world: World) -> None:
        self.world, self.records = world, list[Found]()

    def put(self, *contents: bytes) -> None:
        for content in contents:
            sequence = str(len(self.records) + 1)
            self.records.append(Found("shard-0", sequence, NOW, "key", content))

    def send(self, records: Sequence[Found]) -> None:
        self.put(*(each.data for each in records))

    def consume(self) -> None:
        for each in self.records:
            record = self.world.received(each.data, sequence=int(each.sequence))
            self.world.consume(record)

    def replay(self, *, dry_run: bool = False) -> Replayed:
        return replay(
            list(self.records),
            judge=of_requests(self.world.predictions),
            send=self.send,
            reopen=self.world.predictions.reopen,
            dry_run=dry_run,
        )


def asked(world: World, *names: str) -> list[bytes]:
    for name in names:
        world.predictions.accept(name)
    return [request(name, world.clock).model_dump_json().encode() for name in names]


def filled(world: World) -> Stream:
    """Return a stream with requests that are done, failed and pending, and with none at all."""
    stream = Stream(world)
    done, failed, pending = asked(world, "done", "failed", "pending")

    def endpoint(asked: InferenceRequest) -> None:
        if asked.prediction_id == "failed":
            raise RequestRefused("No image.", code="s3_not_found", status=422)

    world.endpoint = endpoint
    stream.put(done, failed, b"nothing")
    stream.consume()
    stream.put(pending, pending)
    world.endpoint = lambda _: None
    return stream


def test_what_is_pending_or_failed_is_sent_again_and_then_ends_once(world: World) -> None:
    stream = filled(world)
    told = stream.replay()
    assert (told.new, told.again, told.skipped, told.failed) == (1, 1, 2, 1)
    assert (told.read, told.sent) == (5, 2)
    assert told.reasons == {"shard-0:3": "The record is no JSON."}
    assert world.predictions.get("failed").status == "pending"
    stream.consume()
    assert [world.predictions.get(each).status for each in ("done", "failed", "pending")] == [
        "done"
    ] * 3
    assert world.asked == {"done": 1, "failed": 1, "pending": 1}
    assert len(world.events) == 3


def test_a_second_replay_finds_nothing_to_do(world: World) -> None:
    stream = filled(world)
    stream.replay()
    stream.consume()
    told = stream.replay()
    assert (told.new, told.again, told.sent) == (0, 0, 0)
    assert len(stream.records) == 7


def test_a_dry_run_counts_and_changes_nothing(world: World) -> None:
    stream = filled(world)
    before = {**world.table.items}
    assert stream.replay(dry_run=True).sent == 2
    assert (world.table.items, len(stream.records)) == (before, 5)


def test_a_replay_that_is_broken_off_goes_on(world: World) -> None:
    stream = filled(world)

    def broken(records: Sequence[Found]) -> None:
        raise Crash("before anything was sent")

    with pytest.raises(Crash):
        replay(
            list(stream.records),
            judge=of_requests(world.predictions),
            send=broken,
            reopen=world.predictions.reopen,
        )
    assert stream.replay().sent == 2
    stream.consume()
    assert world.predictions.get("failed").status == "done"


def test_of_another_request_under_a_settled_id_nothing_is_sent(world: World) -> None:
    stream = Stream(world)
    stream.put(*asked(world, "p1"))
    stream.consume()
    other = request("p1", world.clock, s3="s3://raw/inference/other")
    stream.put(other.model_dump_json().encode())
    assert stream.replay().failed == 1


def test_events_are_sent_again_whose_answers_are_not_kept(world: World) -> None:
    stream = Stream(world)
    stream.put(*asked(world, "p1", "p2"))
    stream.consume()
    table: Any = world.table
    truths = Truths(table, days=30, clock=world.clock)
    events = [each.encode() for each in world.events]
    lost, kept = (Found("shard-0", str(n), NOW, "key", each) for n, each in enumerate(events))
    truths.keep([InferenceEvent.model_validate_json(kept.data)])
    sent: list[Found] = []
    told = replay(
        [lost, kept, lost._replace(data=b"{}")], judge=of_events(truths), send=sent.extend
    )
    assert sent == [lost]
    assert (told.new, told.skipped, told.failed) == (1, 1, 1)
