"""Every record of the requests stream ends, once: as a prediction or as a failure with a reason."""

import json
from collections.abc import Callable

import pytest

from tests.fakes.consumer import MAXIMUM_AGE, World, consumed, request
from tests.fakes.crashes import Crash, Crashing
from visionml.contracts.inference import ErrorDetail, InferenceRequest
from visionml.contracts.stream import GivenUp
from visionml.errors import NotServing, RequestRefused, Unavailable
from visionml.local.shard_progress import Record
from visionml.serving.consuming import LARGEST_BYTES, UNKNOWN_ATTEMPTS, Outcome
from visionml.serving.failures import Received
from visionml.serving.pace import Pace
from visionml.serving.predictions import Ending

CRASHES = range(12)
"""More than a record has steps."""


@pytest.fixture
def world() -> World:
    return World()


def asked(world: World, name: str = "p1", **changes: str) -> Received:
    """Return the record of a prediction that somebody waits for."""
    if world.predictions.find(name) is None:
        world.predictions.accept(name)
    return world.received(request(name, world.clock, **changes).model_dump_json().encode())


def refuse(error: Exception) -> Callable[[InferenceRequest], None]:
    def endpoint(_: InferenceRequest) -> None:
        raise error

    return endpoint


@pytest.mark.parametrize("fatal", CRASHES)
def test_a_prediction_is_written_and_told_once_whenever_the_consumer_ends(
    world: World, fatal: int
) -> None:
    record = asked(world)
    world.step = crashing = Crashing(fatal)
    crashed = ""
    try:
        world.consume(record)
    except Crash as crash:
        crashed = str(crash)
    crashing.fatal = None
    world.consume(record)
    assert world.consume(record) is Outcome.REPEATED
    kept = world.predictions.find("p1")
    assert kept
    assert (kept.state.status, kept.event, kept.record) == ("done", None, "shard-0:1")
    assert kept.state.prediction
    told = [json.loads(each) for each in world.events]
    assert {each["latency_ms"] for each in told} == {kept.state.prediction.latency_ms}
    # between publishing and noting it there is nothing that could be one step with both
    twice = crashed in {"has published", "remove"}
    assert world.events == world.events[:1] * (2 if twice else 1)


def test_the_crashes_reach_every_step(world: World) -> None:
    record = asked(world)
    world.step = crashing = Crashing()
    world.consume(record)
    assert crashing.count == 10 < len(CRASHES)


def records(world: World) -> list[Received]:
    """Return those of two requests, the first one twice, of a bad image and of no request."""
    contents = [asked(world, name).data for name in ("p1", "p2", "p1", "bad")]
    return [
        world.received(data, sequence=number)
        for number, data in enumerate([*contents, b"no json"], start=1)
    ]


def bad(request: InferenceRequest) -> None:
    if request.prediction_id == "bad":
        raise RequestRefused("No image.", code="unreadable", status=400)


def invoked(world: World, handed: list[Received]) -> list[str]:
    """Hand records over as Lambda does, and return the sequence numbers that come back."""
    batch = [Record(each.sequence, each.arrived.timestamp(), each.data) for each in handed]
    failures = world.invoke("shard-0", batch)["batchItemFailures"]
    return [each["itemIdentifier"] for each in failures]


def test_a_batch_is_asked_for_settled_and_told_with_few_calls(world: World) -> None:
    handed, steps = records(world), list[str]()
    world.endpoint, world.step = bad, steps.append
    world.bundles.size.note(1.0)
    assert invoked(world, handed) == []
    assert (world.invocations, world.asked) == (1, {"p1": 1, "p2": 1})
    assert [each for each in steps if "together" in each] == ["put together", "has put together"]
    assert steps.count("publish") == steps.count("remove") == 1
    assert world.outcomes == {Outcome.MADE: 2, Outcome.FAILED: 2, Outcome.REPEATED: 1}
    states = [world.predictions.get(name).status for name in ("p1", "p2", "bad")]
    assert states == ["done", "done", "failed"]


@pytest.mark.parametrize("fatal", range(18))
def test_each_prediction_of_a_batch_is_written_and_told_once_whenever_the_consumer_ends(
    world: World, fatal: int
) -> None:
    handed = records(world)
    world.endpoint, world.step = bad, (crashing := Crashing(fatal))
    world.bundles.size.note(1.0)
    crashed = ""
    try:
        invoked(world, handed)
    except Crash as crash:
        crashed = str(crash)
    crashing.fatal = None
    again = invoked(world, handed) if crashed else []
    assert again == []
    assert invoked(world, handed) == []
    for name in ("p1", "p2"):
        kept = world.predictions.find(name)
        assert kept
        assert kept.state.prediction
        assert (kept.state.status, kept.event) == ("done", None)
    error = world.predictions.get("bad").error
    assert error
    assert error.code == "unreadable"
    assert len(set(world.events)) == 2
    twice = crashed in {"has published", "remove"}
    assert len(world.events) == 2 * (2 if twice else 1)
    assert bool(crashed) == (fatal < 17)


def test_one_that_another_invocation_settled_leaves_the_rest_of_its_batch(world: World) -> None:
    handed = records(world)

    def overtaken(request: InferenceRequest) -> None:
        if request.prediction_id == "p2" and world.predictions.get("p2").status == "pending":
            late = ErrorDetail(code="late", message="Too late.")
            world.predictions.settle(Ending("p2", late))

    world.endpoint = overtaken
    assert invoked(world, handed[:2]) == []
    assert world.outcomes == {Outcome.MADE: 1, Outcome.REPEATED: 1}
    assert world.predictions.get("p2").status == "failed"
    assert len(world.events) == 1


def test_a_table_that_is_busy_while_a_batch_is_settled_costs_no_second_inference(
    world: World,
) -> None:
    handed, busy = records(world), [Unavailable("The table is busy.")] * 3

    def step(what: str) -> None:
        if what == "put together" and busy:
            raise busy.pop()

    world.step = step
    assert invoked(world, handed[:2]) == []
    assert (busy, world.asked) == ([], {"p1": 1, "p2": 1})


def test_an_image_that_fails_its_whole_invocation_fails_alone(world: World) -> None:
    handed = records(world)[:2]

    def endpoint(request: InferenceRequest) -> None:
        if request.prediction_id == "p2":
            raise ValueError("a fault")

    world.endpoint = endpoint
    for _ in range(UNKNOWN_ATTEMPTS - 1):
        assert invoked(world, handed) == ["2"]
    assert invoked(world, handed) == []
    assert world.predictions.get("p1").status == "done"
    error = world.predictions.get("p2").error
    assert error
    assert error.code == "internal"


def test_a_replayed_request_costs_no_inference_and_no_event(world: World) -> None:
    record = asked(world)
    assert world.consume(record) is Outcome.MADE
    world.clock.sleep(100)
    again = asked(world)._replace(sequence="2")
    assert again.data != record.data  # it says when it was sent
    assert world.consume(again) is Outcome.REPEATED
    assert (world.asked["p1"], len(world.events), world.messages) == (1, 1, [])


def test_a_request_that_nobody_announced_is_answered_too(world: World) -> None:
    record = world.received(request("p1", world.clock).model_dump_json().encode())
    assert world.consume(record) is Outcome.MADE
    assert world.predictions.get("p1").status == "done"


def test_another_request_under_a_known_id_is_recorded_and_changes_nothing(world: World) -> None:
    world.consume(asked(world))
    other = asked(world, s3="s3://raw/inference/other")._replace(sequence="2")
    assert consumed(world, other) is Outcome.FAILED
    assert consumed(world, other) is Outcome.REPEATED
    (message,) = world.messages
    assert message["reason"]["code"] == "other_request"
    assert world.predictions.get("p1").status == "done"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\x00no json", "record_no_json"),
        (b"", "record_no_json"),
        (b"[" * 10_000, "record_no_json"),
        (b"[1, 2]", "record_no_request"),
        (b'{"prediction_id": "unknown"}', "record_no_request"),
        (b'{"prediction_id": 7, "s3": "s3://raw/inference/1"}', "record_no_request"),
        (b'{"prediction_id": "", "s3": "", "time": "2026-11-20T00:00:00Z"}', "record_no_request"),
        (b'"' + b"x" * LARGEST_BYTES + b'"', "record_too_large"),
    ],
)
@pytest.mark.parametrize("fatal", range(6))
def test_a_record_that_is_no_request_is_recorded_with_its_place_and_reason(
    world: World, data: bytes, code: str, fatal: int
) -> None:
    record = world.received(data, sequence=77)
    world.step = crashing = Crashing(fatal)
    told_twice = False
    try:
        world.consume(record)
    except Crash as crash:
        told_twice = str(crash) in {"has sent", "update"}
    crashing.fatal = None
    consumed(world, record)
    assert consumed(world, record) is Outcome.REPEATED
    reason = world.failures.reason("shard-0:77")
    assert reason
    assert reason.code == code
    assert len(world.messages) == 1 + told_twice
    told = GivenUp.model_validate(world.messages[0])
    assert told.reason == reason
    assert (told.where.start_sequence_number, told.where.batch_size) == ("77", 1)
    assert world.messages[0]["KinesisBatchInfo"]["shardId"] == "shard-0"
    assert not world.asked


def test_a_broken_request_for_a_known_prediction_is_that_predictions_failure(world: World) -> None:
    world.predictions.accept("p1")
    record = world.received(b'{"prediction_id": "p1"}')
    assert world.consume(record) is Outcome.FAILED
    assert world.consume(record) is Outcome.REPEATED
    error = world.predictions.get("p1").error
    assert error
    assert error.code == "record_no_request"
    assert error.message == "The record is no request: s3, time."
    assert not world.messages


def test_a_refused_image_is_a_failure_that_says_why(world: World) -> None:
    record = asked(world)
    world.endpoint = refuse(RequestRefused("No image.", code="s3_not_found", status=422))
    assert world.consume(record) is Outcome.FAILED
    error = world.predictions.get("p1").error
    assert error
    assert error.code == "s3_not_found"
    assert not world.events


def test_what_is_older_than_the_maximum_age_fails_without_being_asked_for(world: World) -> None:
    record = asked(world)
    world.clock.sleep(MAXIMUM_AGE.total_seconds() + 1)
    assert world.consume(record) is Outcome.FAILED
    error = world.predictions.get("p1").error
    assert error
    assert error.code == "too_late"
    assert not world.asked


@pytest.mark.parametrize("error", [Unavailable("No."), NotServing("No.", code="busy", status=429)])
def test_a_busy_endpoint_is_waited_for(world: World, error: Unavailable) -> None:
    record, answers = asked(world), [error] * 5

    def endpoint(_: InferenceRequest) -> None:
        if answers:
            raise answers.pop()

    world.endpoint, pace, began = endpoint, world.pace(), world.clock.now
    assert world.consume(record, pace) is Outcome.MADE
    assert pace.waits == 5
    # 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s, each three quarters of it as chance has it
    assert world.clock.now - began == pytest.approx(4.65 + 0.01)


def test_an_endpoint_that_is_down_for_longer_than_the_patience_costs_no_record(
    world: World,
) -> None:
    world.endpoint = refuse(Unavailable("Down."))
    began, pace = world.clock.now, world.pace(60)
    records = [asked(world, f"p{number}") for number in range(3)]
    for record in records:
        with pytest.raises(Unavailable):
            world.consume(record, pace)
    assert world.clock.now - began <= 60
    assert world.predictions.get("p2").status == "pending"
    world.endpoint = lambda _: None
    with pytest.raises(Unavailable, match="handed back"):  # nothing new in this invocation
        world.consume(records[0], pace)
    assert [world.consume(each) for each in records] == [Outcome.MADE] * 3


def test_pauses_double_up_to_ten_seconds_and_end_with_an_answer(world: World) -> None:
    began, pauses = world.clock.now, list[float]()
    pace = Pace(seconds=1000, clock=world.clock, sleep=pauses.append, chance=lambda: 0.0)
    for _ in range(8):
        pace.slow(Unavailable("No."))
        pace.ready()
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])
    pace.good()
    pace.slow(Unavailable("No."))
    pace.ready()
    assert pauses[-1] == pytest.approx(0.2)
    assert world.clock.now == began


def test_a_stream_of_events_that_is_busy_delays_an_event_and_loses_none(world: World) -> None:
    record, failures = asked(world), [Unavailable("Busy.")] * 2

    def step(what: str) -> None:
        if what == "publish" and failures:
            raise failures.pop()

    world.step = step
    assert world.consume(record) is Outcome.MADE
    assert (world.asked["p1"], len(world.events)) == (1, 1)


def test_a_table_that_is_busy_while_events_are_noted_makes_none_twice(world: World) -> None:
    record, busy = asked(world), [Unavailable("The table is busy.")] * 3

    def step(what: str) -> None:
        if what == "remove" and busy:
            raise busy.pop()

    world.step = step
    world.consume(record)
    kept = world.predictions.find("p1")
    assert kept
    assert (busy, kept.event, len(world.events)) == ([], None, 1)


def test_what_fails_for_unknown_reasons_is_tried_a_few_times(world: World) -> None:
    record = asked(world)
    world.endpoint = refuse(ValueError("a fault"))
    for _ in range(UNKNOWN_ATTEMPTS - 1):
        with pytest.raises(ValueError, match="a fault"):
            world.consume(record)
    assert world.consume(record) is Outcome.FAILED
    error = world.predictions.get("p1").error
    assert error
    assert (error.code, "fault" in error.message) == ("internal", False)


def test_what_ends_the_consumer_each_time_is_a_failure_after_a_few(world: World) -> None:
    record = asked(world)

    def endpoint(_: InferenceRequest) -> None:
        raise Crash("out of memory")

    world.endpoint = endpoint
    for _ in range(UNKNOWN_ATTEMPTS):
        with pytest.raises(Crash):
            world.consume(record)
    assert world.consume(record) is Outcome.FAILED
    error = world.predictions.get("p1").error
    assert error
    assert error.code == "consumer_ended"


def test_waiting_for_the_endpoint_is_no_attempt(world: World) -> None:
    record = asked(world)
    world.endpoint = refuse(Unavailable("Down."))
    for _ in range(2 * UNKNOWN_ATTEMPTS):
        with pytest.raises(Unavailable):
            world.consume(record, world.pace(5))
    world.endpoint = lambda _: None
    assert world.consume(record) is Outcome.MADE


def test_who_is_overtaken_by_another_invocation_leaves_its_answer(world: World) -> None:
    record = asked(world)

    def overtaken(_: InferenceRequest) -> None:
        world.endpoint = lambda _: None
        twin = World()
        twin.table, twin.predictions = world.table, world.predictions
        made = twin.consumer.infer(request("p1", world.clock))
        assert world.predictions.settle(Ending("p1", made.prediction))

    world.endpoint = overtaken
    assert world.consume(record) is Outcome.REPEATED
    assert not world.events
