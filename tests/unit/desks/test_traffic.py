"""Traffic at a steady rate: everything that is sent is counted, once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from visionml.contracts.dataset import ManifestEntry
from visionml.desks.datasets import Sample
from visionml.desks.traffic import MOST_SECONDS, Ask, Flow
from visionml.errors import InvalidInput, Unavailable


def sample(label: str) -> Sample:
    entry = ManifestEntry.model_construct(label=label)
    return Sample(entry, label.encode())


SEVEN, EIGHT = sample("7"), sample("8")


def flow(ask: Ask, *, rate: float = 200, at_most_seconds: float = 0.1) -> Flow:
    return Flow(ask, [SEVEN, EIGHT], rate=rate, at_most_seconds=at_most_seconds)


def always(label: str, version: str = "good") -> Ask:
    return lambda _sample: (version, "ModelA", label)


def test_every_image_is_sent_in_turn_until_the_time_is_over() -> None:
    table = flow(always("7")).run().table()
    assert len(table) == 20
    assert table["right"].tolist() == [True, False] * 10
    assert set(table["version"]) == {"good"}
    sent = list(table["sent"])
    assert (sent[-1] - sent[0]).total_seconds() == pytest.approx(19 * 0.005)


def test_a_failed_request_is_counted_and_not_sent_again() -> None:
    asked: list[bytes] = []

    def ask(one: Sample) -> tuple[str, str, str]:
        asked.append(one.content)
        if one is EIGHT:
            raise Unavailable("The endpoint is down.")
        return "good", "ModelA", "7"

    table = flow(ask).run().table()
    assert len(table) == len(asked) == 20
    failed = table[table["error"] != ""]
    assert len(failed) == 10
    assert set(failed["error"]) == {"The endpoint is down."}
    assert set(failed["version"]) == {""}
    assert not failed["right"].any()


def test_requests_go_on_while_others_wait_for_their_answers() -> None:
    all_there = threading.Barrier(10, timeout=10)

    def ask(_sample: Sample) -> tuple[str, str, str]:
        all_there.wait()
        return "good", "ModelA", "7"

    assert len(flow(ask, rate=100).run().table()) == 10


def test_leaving_the_context_ends_the_flow_and_waits_for_the_answers() -> None:
    released = threading.Event()

    def ask(_sample: Sample) -> tuple[str, str, str]:
        released.wait(10)
        return "good", "ModelA", "7"

    with flow(ask, at_most_seconds=MOST_SECONDS) as running:
        threading.Timer(0.05, released.set).start()
        running.answers_of("good", count=3, seconds=10)
    table = running.table()
    assert len(table) >= 3
    assert set(table["error"]) == {""}


def test_answers_to_requests_of_before_do_not_count() -> None:
    with flow(always("7"), at_most_seconds=MOST_SECONDS) as running:
        running.answers_of("good", count=3, seconds=10)
        since = datetime.now(UTC)
        running.answers_of("good", count=3, since=since, seconds=10)
    table = running.table()
    assert (table["sent"] >= since).sum() >= 3


def test_what_never_shows_is_not_waited_for_longer_than_asked() -> None:
    with (
        flow(always("7", "bad"), at_most_seconds=10) as running,
        pytest.raises(Unavailable, match="did not show"),
    ):
        running.answers_of("good", count=1, seconds=0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flow(always("7"), [], rate=1, at_most_seconds=1),
        lambda: flow(always("7"), rate=0),
        lambda: flow(always("7"), at_most_seconds=MOST_SECONDS + 1),
    ],
)
def test_traffic_that_makes_no_sense_is_refused(make: Callable[[], Flow]) -> None:
    with pytest.raises(InvalidInput, match="Traffic"):
        make()
