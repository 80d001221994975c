"""Several images in one invocation: who is asked about together, and what failures mean."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from visionml.contracts.inference import (
    ErrorDetail,
    InferenceEvent,
    InferenceRequest,
    Prediction,
)
from visionml.errors import RequestRefused, Unavailable, VisionmlError
from visionml.serving.adapter import Inferred
from visionml.serving.bundles import LARGEST_BYTES, Bundles, Size
from visionml.serving.pace import Pace
from visionml.serving.payload import Payload

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REFUSED = ErrorDetail(code="unreadable", message="No image.")


def asked(name: str, caller: str = "") -> InferenceRequest:
    return InferenceRequest(
        prediction_id=name, s3=f"s3://raw/inference/{name}", time=NOW, caller=caller
    )


def requests(count: int) -> list[InferenceRequest]:
    return [asked(f"p{number}") for number in range(count)]


def inferred(name: str, milliseconds: float = 10.0) -> Inferred:
    made = Prediction(
        label="7",
        probability=0.9,
        probabilities={"7": 0.9},
        model_version="run-1",
        prediction_id=name,
        variant="ModelA",
        latency_ms=milliseconds,
    )
    return Inferred(made, InferenceEvent(**made.model_dump(), time=NOW, image_sha256="ab"))


class Endpoint:
    """Notes who is asked about together."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, list[str]]] = []
        self.answer: Callable[[str], Inferred | ErrorDetail] = inferred
        self.bytes = 10
        self.size = Size(most=8, milliseconds=1000)
        self.size.note(10)

    def bundles(self) -> Bundles:
        return Bundles(
            read=self.read,
            ask=self.ask,
            variant=lambda caller: caller or None,
            size=self.size,
            threads=1,
        )

    def read(self, request: InferenceRequest) -> Payload:
        if "missing" in request.prediction_id:
            raise RequestRefused("Nothing there.", code="s3_not_found", status=422)
        return Payload(bytes(self.bytes), "application/x-image", "ab")

    def ask(
        self, images: Sequence[Payload], names: Sequence[str], variant: str | None
    ) -> list[Inferred | ErrorDetail]:
        assert len(images) == len(names)
        self.asked.append((variant, list(names)))
        return [self.answer(name) for name in names]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def pace(seconds: float = 60.0) -> Pace:
    return Pace(seconds=seconds, clock=lambda: 0.0, sleep=lambda _: None)


def test_images_go_together_as_many_as_one_invocation_takes(endpoint: Endpoint) -> None:
    found = endpoint.bundles().infer(requests(20), pace())
    assert list(found) == [f"p{number}" for number in range(20)]
    assert [len(names) for _, names in endpoint.asked] == [8, 8, 4]


def test_what_is_little_is_spread_over_all_threads(endpoint: Endpoint) -> None:
    found = dataclasses.replace(endpoint.bundles(), threads=4).infer(requests(20), pace())
    assert [len(names) for _, names in endpoint.asked] == [5, 5, 5, 5]
    assert len(found) == 20


def test_callers_are_answered_by_their_own_variant(endpoint: Endpoint) -> None:
    callers = ["ModelA", "ModelB", "", "ModelA"]
    found = endpoint.bundles().infer(
        [asked(f"p{number}", caller) for number, caller in enumerate(callers)], pace()
    )
    assert endpoint.asked == [("ModelA", ["p0", "p3"]), ("ModelB", ["p1"]), (None, ["p2"])]
    assert len(found) == 4


def test_a_refused_image_fails_no_other(endpoint: Endpoint) -> None:
    endpoint.answer = lambda name: REFUSED if name == "p1" else inferred(name)
    found = endpoint.bundles().infer([*requests(3), asked("missing")], pace())
    assert found["p1"] == REFUSED
    missing = found["missing"]
    assert isinstance(missing, ErrorDetail)
    assert missing.code == "s3_not_found"
    assert isinstance(found["p0"], Inferred)
    assert isinstance(found["p2"], Inferred)


def test_an_entry_that_may_succeed_another_time_is_left_to_be_asked_for_again(
    endpoint: Endpoint,
) -> None:
    busy = ErrorDetail(code="busy", message="Later.")
    endpoint.answer = lambda name: busy if name == "p1" else inferred(name)
    assert set(endpoint.bundles().infer(requests(3), pace())) == {"p0", "p2"}


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (Unavailable("The container ended."), 1),
        (RequestRefused("One at a time.", code="too_many_images", status=413), 0),
        (ValueError("a fault"), 0),
    ],
)
def test_what_ends_an_invocation_leaves_its_images_alone_and_others_go_on(
    endpoint: Endpoint, error: Exception, waits: int
) -> None:
    def answer(name: str) -> Inferred:
        if name == "p3":
            raise error
        return inferred(name)

    endpoint.answer, slowed = answer, pace()
    found = endpoint.bundles().infer(requests(20), slowed)
    assert list(found) == [f"p{number}" for number in range(8, 20)]
    assert slowed.waits == waits


def test_an_endpoint_that_is_down_is_not_asked_when_there_is_no_time_left(
    endpoint: Endpoint,
) -> None:
    def answer(_: str) -> Inferred:
        raise VisionmlError("Down.")

    endpoint.answer = answer
    assert endpoint.bundles().infer(requests(40), pace(0.0)) == {}
    assert len(endpoint.asked) == 1


def test_large_images_go_in_several_invocations(endpoint: Endpoint) -> None:
    endpoint.bytes = LARGEST_BYTES // 2
    endpoint.bundles().infer(requests(5), pace())
    assert [names for _, names in endpoint.asked] == [["p0", "p1"], ["p2", "p3"], ["p4"]]


def test_the_first_invocation_has_one_image_and_the_next_as_many_as_there_is_time_for() -> None:
    size = Size(most=8, milliseconds=500)
    assert size.now() == 1
    for milliseconds, most in ((200.0, 2), (2000.0, 1), (10.0, 1)):
        size.note(milliseconds)
        assert size.now() == most
    for _ in range(20):
        size.note(10.0)
    assert size.now() == 8
