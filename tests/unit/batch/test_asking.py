"""Every image gets an answer or a reason, whatever trouble the endpoint has."""

from collections.abc import Iterator

import pytest

from tests.fakes.endpoint import MemoryEndpoint
from visionml.aws.invocation import Invocation
from visionml.batch.asking import LARGEST_BYTES, Endpoint
from visionml.batch.outcomes import Answer, Image, Outcome
from visionml.contracts.batch import BatchInput
from visionml.contracts.inference import ErrorDetail
from visionml.errors import AccessDenied, InvalidInput, Unavailable
from visionml.serving.pace import Pace

BUSY = Invocation(429, b'{"error": {"code": "busy", "message": "Wait."}}', "")
SLOW = Invocation(503, b'{"error": {"code": "timeout", "message": "Too slow."}}', "")


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def image(content: bytes) -> Image:
    return Image(BatchInput(key=content[:9].decode(), etag="", bytes=len(content)), content, "")


def asked(
    endpoint: MemoryEndpoint, *contents: bytes, seconds: float = 60, clock: Clock | None = None
) -> list[Outcome]:
    clock = clock or Clock()
    pace = Pace(seconds=seconds, renewed=True, clock=clock, sleep=clock.sleep)
    return Endpoint(endpoint, pace=pace).predict([image(each) for each in contents])


def told(outcomes: list[Outcome]) -> list[str]:
    return [
        each.prediction.label if isinstance(each, Answer) else f"!{each.code}" for each in outcomes
    ]


def test_images_are_asked_about_together_and_answered_in_their_order() -> None:
    endpoint = MemoryEndpoint()

    outcomes = asked(endpoint, b"dark", b"light", b"dark")

    assert told(outcomes) == ["dark", "light", "dark"]
    assert endpoint.invocations == [3]
    assert {each.variant for each in outcomes if isinstance(each, Answer)} == {"ModelA"}


def test_a_refused_image_is_so_alone_whether_it_went_alone_or_not() -> None:
    assert told(asked(MemoryEndpoint(), b"dark", b"refuse:truncated", b"light")) == [
        "dark",
        "!truncated",
        "light",
    ]
    assert told(asked(MemoryEndpoint(), b"refuse:truncated")) == ["!truncated"]


def test_what_an_invocation_cannot_hold_goes_in_several() -> None:
    endpoint = MemoryEndpoint()
    large = b"dark#".ljust(LARGEST_BYTES // 2)

    assert told(asked(endpoint, large, large, large, large)) == ["dark"] * 4
    assert endpoint.invocations == [2, 2]


def test_an_endpoint_that_is_busy_and_then_down_is_waited_for() -> None:
    def trouble() -> Iterator[Invocation | Exception | None]:
        yield from [BUSY] * 5
        yield from [Unavailable("down")] * 5
        while True:
            yield None

    endpoint, steps, clock = MemoryEndpoint(), trouble(), Clock()

    def next_trouble() -> Invocation | None:
        found = next(steps)
        if isinstance(found, Exception):
            raise found
        return found

    endpoint.trouble = next_trouble

    assert told(asked(endpoint, b"dark", b"light", clock=clock)) == ["dark", "light"]
    assert clock.now > 10


def test_an_endpoint_that_stays_down_ends_the_work_after_the_patience_and_no_image_fails() -> None:
    endpoint, clock = MemoryEndpoint(), Clock()
    endpoint.trouble = lambda: BUSY

    with pytest.raises(Unavailable):
        asked(endpoint, b"dark", seconds=30, clock=clock)
    assert 15 < clock.now <= 30


def test_patience_begins_anew_with_every_answer() -> None:
    clock, endpoint = Clock(), MemoryEndpoint()
    calls = iter(range(10_000))
    endpoint.trouble = lambda: None if next(calls) % 5 == 4 else BUSY
    pace = Pace(seconds=10, renewed=True, clock=clock, sleep=clock.sleep)
    asking = Endpoint(endpoint, pace=pace)

    for _ in range(20):
        assert told(asking.predict([image(b"dark")])) == ["dark"]
    assert clock.now > 30


def test_an_image_that_ends_the_container_is_found_and_the_others_are_answered() -> None:
    contents = [b"dark#%d" % number for number in range(7)]
    contents.insert(3, b"poison")

    outcomes = asked(MemoryEndpoint(), *contents)

    assert told(outcomes) == [*["dark"] * 3, "!internal", *["dark"] * 4]


def test_an_endpoint_that_answers_nobody_fails_no_image() -> None:
    endpoint = MemoryEndpoint()
    endpoint.trouble = lambda: Invocation(500, b"", "")
    with pytest.raises(Unavailable, match="answers nothing"):
        asked(endpoint, b"dark", b"light")

    endpoint.trouble = lambda: Invocation(200, b'{"hello": 1}', "")
    with pytest.raises(Unavailable, match="other than predictions"):
        asked(endpoint, b"dark", b"light")


def test_an_image_that_takes_too_long_is_given_up_where_others_are_answered() -> None:
    endpoint = MemoryEndpoint()

    class Slow(MemoryEndpoint):
        def __call__(self, body: bytes, content_type: str) -> Invocation:
            return SLOW if b"huge" in body else endpoint(body, content_type)

    assert told(asked(Slow(), b"dark", b"huge")) == ["dark", "!timeout"]


def test_entries_that_failed_for_the_moment_are_asked_for_again_alone() -> None:
    class Forgetful(MemoryEndpoint):
        def _entry(self, image: str) -> dict[str, object]:
            if image == "light" and not self.invocations[1:]:
                return {"error": {"code": "internal", "message": "Oh."}}
            return super()._entry(image)

    endpoint = Forgetful()
    assert told(asked(endpoint, b"dark", b"light")) == ["dark", "light"]
    assert endpoint.invocations == [2, 1]


def test_what_sagemaker_refuses_itself_is_one_images_fault_where_others_are_answered() -> None:
    class Picky(MemoryEndpoint):
        def __call__(self, body: bytes, content_type: str) -> Invocation:
            if b"large" in body:
                raise InvalidInput("The body is too large.")
            return super().__call__(body, content_type)

    outcomes = asked(Picky(), b"dark", b"large")
    assert told(outcomes) == ["dark", "!invalid_request"]


def test_a_role_that_may_not_invoke_is_nothing_to_wait_for() -> None:
    endpoint = MemoryEndpoint()

    def denied() -> None:
        raise AccessDenied("No.")

    endpoint.trouble = denied
    with pytest.raises(AccessDenied):
        asked(endpoint, b"dark")


def test_a_reason_is_a_code_and_a_sentence() -> None:
    (outcome,) = asked(MemoryEndpoint(), b"refuse:animated")
    assert outcome == ErrorDetail(code="animated", message="No.")
