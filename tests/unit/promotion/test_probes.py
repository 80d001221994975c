"""Known images are asked for until the version that is rolled out has answered them."""

import itertools
import threading
from collections.abc import Callable

import pytest

from tests.fakes.parameters import MemoryParameters
from tests.unit.registry.test_versions import NEW, OLD, record
from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.names import version_parameter
from visionml.contracts.probes import ProbeReport, ProbeRequest
from visionml.errors import NotFound
from visionml.promotion.known_images import KnownImage
from visionml.promotion.probes import SILENT_TURNS, TURNS, look, reference
from visionml.registry.versions import Versions

IMAGES = [KnownImage(str(n % 10), "image/png", bytes([n])) for n in range(20)]
CLASSES = [str(n) for n in range(10)]


def answer(label: str, version: str, classes: list[str] = CLASSES) -> ContainerPrediction:
    return ContainerPrediction(
        label=label,
        probability=1.0,
        probabilities=dict.fromkeys(classes, 0.1),
        model_version=version,
    )


class Endpoint:
    """Every nth answer is the new version's, which is right or one off."""

    def __init__(self, *, nth: int = 1, right: bool = True, classes: list[str] = CLASSES) -> None:
        self.nth, self.right, self.classes = nth, right, classes
        self._calls = itertools.count(1)
        self._lock = threading.Lock()

    def ask(self, image: KnownImage) -> ContainerPrediction | None:
        with self._lock:
            new = next(self._calls) % self.nth == 0
        if not new:
            return answer(image.label, OLD)
        wrong = str((int(image.label) + 1) % 10)
        return answer(image.label if self.right else wrong, NEW, self.classes)


def probe(ask: Callable[[KnownImage], ContainerPrediction | None]) -> ProbeReport:
    return look(IMAGES, NEW, ask=ask)


def test_a_good_version_with_all_the_traffic_is_asked_once_for_each_image() -> None:
    report = probe(Endpoint().ask)

    assert (report.asked, report.judged, report.accuracy) == (20, 20, 1.0)


def test_wrong_answers_are_found_behind_a_tenth_of_the_traffic() -> None:
    report = probe(Endpoint(nth=10, right=False).ask)

    assert report.accuracy == 0.0
    assert report.judged == report.answered_by_it >= 10
    assert report.answered_by_others == report.asked - report.answered_by_it
    assert report.asked <= len(IMAGES) * TURNS


def test_the_version_that_serves_is_not_judged() -> None:
    report = probe(lambda image: answer("none of them", OLD))

    assert (report.judged, report.accuracy) == (0, None)
    assert report.asked == len(IMAGES) * SILENT_TURNS


def test_few_answers_decide_nothing() -> None:
    seen = itertools.count()

    def four(image: KnownImage) -> ContainerPrediction | None:
        return answer("wrong", NEW) if next(seen) < 4 else answer("9", OLD)

    report = look(IMAGES, NEW, ask=four)
    assert (report.judged, report.right, report.accuracy) == (4, 0, None)


def test_classes_that_the_version_does_not_know_are_left_out() -> None:
    report = probe(Endpoint(classes=CLASSES[:5]).ask)

    assert (report.answered_by_it, report.judged, report.accuracy) == (20, 10, 1.0)


def test_failed_requests_are_counted_and_asked_again() -> None:
    failing = itertools.chain([True] * 5, itertools.repeat(False))
    lock = threading.Lock()

    def sometimes(image: KnownImage) -> ContainerPrediction | None:
        with lock:
            fails = next(failing)
        return None if fails else answer(image.label, NEW)

    report = probe(sometimes)
    assert (report.failed, report.judged, report.accuracy) == (5, 20, 1.0)


def test_time_bounds_a_look() -> None:
    seconds = itertools.count(0, 5)
    report = look(
        IMAGES, NEW, ask=Endpoint(nth=1000).ask, seconds=10, clock=lambda: float(next(seconds))
    )

    assert report.asked == 8


@pytest.mark.parametrize(
    ("kind", "active", "expected"),
    [
        ("promotion", None, NEW),
        ("promotion", NEW, NEW),
        ("promotion", OLD, OLD),
        ("rollback", OLD, NEW),
    ],
)
def test_a_promotion_is_measured_by_what_serves(
    kind: str, active: str | None, expected: str
) -> None:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    versions.write(record(OLD))
    versions.write(record(NEW))
    if active:
        versions.activate(active)

    assert reference(request(kind), versions).version == expected


@pytest.mark.parametrize("serving", ["garbage", "no record"])
def test_what_serves_may_be_unreadable(serving: str) -> None:
    store = MemoryParameters()
    versions = Versions(store, "ml-pipeline")
    versions.write(record(NEW))
    versions.activate(OLD)
    if serving == "garbage":
        store.put(version_parameter("ml-pipeline", OLD), "{}")

    assert reference(request("promotion"), versions).version == NEW


def test_an_unregistered_version_is_refused() -> None:
    with pytest.raises(NotFound, match=NEW):
        reference(request("promotion"), Versions(MemoryParameters(), "ml-pipeline"))


def request(kind: str) -> ProbeRequest:
    return ProbeRequest.model_validate(
        {"endpoint_name": "endpoint", "model_version": NEW, "kind": kind}
    )
