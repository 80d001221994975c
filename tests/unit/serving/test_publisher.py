"""Events reach the stream beside the answers; a stream in trouble costs events, not time."""

import threading
from datetime import UTC, datetime

from visionml.contracts.inference import InferenceEvent
from visionml.errors import Unavailable
from visionml.serving.publisher import Counts, Publisher

EVENT = InferenceEvent(
    label="7",
    probability=0.9,
    probabilities={"7": 0.9},
    model_version="run-1",
    prediction_id="p1",
    time=datetime(2026, 11, 20, tzinfo=UTC),
    image_sha256="ab",
    variant="ModelA",
    latency_ms=3.5,
)


class Slow:
    """A stream that takes an event only when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.taken: list[InferenceEvent] = []

    def __call__(self, event: InferenceEvent) -> None:
        assert self.let.wait(10)
        self.taken.append(event)


def test_an_event_is_sent_before_the_answer_goes() -> None:
    taken: list[InferenceEvent] = []
    publisher = Publisher(taken.append)
    publisher.publish(EVENT)
    assert taken == [EVENT]
    assert publisher.counts() == Counts(sent=1, lost=0)
    assert publisher.counts() == Counts(sent=0, lost=0)


def test_an_event_that_cannot_be_sent_is_counted_and_nothing_is_raised() -> None:
    def fail(_: InferenceEvent) -> None:
        raise Unavailable("Throttled.")

    publisher = Publisher(fail)
    publisher.publish(EVENT)
    assert publisher.counts() == Counts(sent=0, lost=1)


def test_a_defect_in_sending_is_counted_too() -> None:
    def fail(_: InferenceEvent) -> None:
        raise ZeroDivisionError

    publisher = Publisher(fail)
    publisher.publish(EVENT)
    assert publisher.counts().lost == 1


def test_events_that_wait_for_a_slow_stream_are_bounded_and_sent_later() -> None:
    stream = Slow()
    publisher = Publisher(stream, wait_seconds=0.001, pending=2)
    for _ in range(5):
        publisher.publish(EVENT)
    assert publisher.counts() == Counts(sent=0, lost=3)
    stream.let.set()
    publisher.close()
    assert stream.taken == [EVENT, EVENT]
    assert publisher.counts() == Counts(sent=2, lost=0)


def test_after_one_long_wait_answers_do_not_wait_for_a_while() -> None:
    now = [100.0]
    stream = Slow()
    publisher = Publisher(stream, wait_seconds=0.001, pause_seconds=10, clock=lambda: now[0])
    patience = [publisher.patient]
    publisher.publish(EVENT)
    patience.append(publisher.patient)
    now[0] += 10
    patience.append(publisher.patient)
    assert patience == [True, False, True]
    stream.let.set()
    publisher.close()
