"""On staging a model shows what its evaluation said, or why not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes import events
from visionml.contracts.deployment import DeploymentPlan, VariantCheck
from visionml.contracts.evaluation import EvaluationReport, Misread
from visionml.errors import Unavailable
from visionml.promotion.known_images import KnownImage
from visionml.promotion.staging import (
    BROKEN_IMAGE,
    LEAST_IMAGES,
    SECONDS,
    Limits,
    check,
    expectation,
    report,
)

PLAN = DeploymentPlan.model_validate(events.load("deployment_recorder.ended")["plan"])
(MODEL,) = PLAN.models
REPORT = EvaluationReport.model_validate(events.load("evaluation_report"))
PERFECT = REPORT.model_copy(update={"accuracy": 1.0, "misread": []})
LIMITS = Limits(holdout_loss=0.02, latency_ms=2000)
IMAGES = [KnownImage(str(n % 10), "image/png", b"%d" % n, f"images/{n}.png") for n in range(40)]


def read(label: str, version: str = MODEL.version) -> tuple[int, bytes]:
    body = {"label": label, "probability": 1, "probabilities": {}, "model_version": version}
    return 200, json.dumps(body).encode()


class Container:
    """Answers every image rightly and refuses what is none; time passes with each answer."""

    def __init__(self, *, seconds: float = 0.01) -> None:
        self.now, self.seconds = 0.0, seconds
        self.asked: list[KnownImage] = []
        self.answer: Callable[[KnownImage], tuple[int, bytes]] = lambda image: read(image.label)
        self.broken: tuple[int, bytes] = (400, b"no image")

    def send(self, image: KnownImage) -> tuple[int, bytes]:
        self.asked.append(image)
        self.now += self.seconds
        return self.broken if image is BROKEN_IMAGE else self.answer(image)

    def check(self, evaluated: EvaluationReport = PERFECT, **options: Any) -> VariantCheck:
        return check(
            MODEL,
            images=IMAGES,
            evaluated=evaluated,
            limits=LIMITS,
            send=self.send,
            clock=lambda: self.now,
            **options,
        )


def test_a_model_that_reads_as_evaluated_passes() -> None:
    container = Container()
    found = container.check()
    assert (found.images, found.accuracy, found.expected_accuracy) == (40, 1, 1)
    assert found.latency_p50_ms == pytest.approx(10)
    assert found.faults == ()
    verdict = report([found])
    assert verdict.passed
    assert "ModelA read 40 images with accuracy 1.0000" in verdict.reason
    assert [image.content for image in container.asked][-1] == BROKEN_IMAGE.content


def misreading(count: int) -> Callable[[KnownImage], tuple[int, bytes]]:
    wrong = {image.key for image in IMAGES[:count]}
    return lambda image: read("?" if image.key in wrong else image.label)


def test_a_model_that_lost_accuracy_is_refused_with_the_numbers() -> None:
    container = Container()
    container.answer = misreading(1)
    (fault,) = container.check().faults
    assert "0.9750 of 40 holdout images" in fault
    assert "its evaluation 1.0000: more than 0.0200 are lost" in fault


def test_what_the_evaluation_misread_too_is_no_loss() -> None:
    wrong = [
        Misread(key=image.key, label=image.label, predicted="?", probability=1)
        for image in IMAGES[:4]
    ]
    known = PERFECT.model_copy(update={"images": 40, "accuracy": 0.9, "misread": wrong})
    container = Container()
    container.answer = misreading(4)
    found = container.check(known)
    assert (found.accuracy, found.expected_accuracy, found.faults) == (0.9, 0.9, ())


def test_where_not_every_misread_image_is_listed_chance_is_allowed_for() -> None:
    many = PERFECT.model_copy(update={"images": 1000, "accuracy": 0.8, "macro_recall": 0.75})
    share, noise = expectation(IMAGES, many)
    assert share == 0.75
    assert noise == pytest.approx(1.645 * (0.75 * 0.25 / 40) ** 0.5)
    container = Container()
    container.answer = misreading(14)
    assert container.check(many).faults == ()
    container.answer = misreading(16)
    assert "more than" in container.check(many).faults[0]


def test_another_version_that_answers_is_a_fault() -> None:
    container = Container()
    container.answer = lambda image: read(image.label, "run-20200101-000000-0000")
    assert container.check().faults == ("It answers as run-20200101-000000-0000.",)


@pytest.mark.parametrize("status", [200, 500, 0])
def test_a_broken_image_has_to_be_refused(status: int) -> None:
    container = Container()
    container.broken = (status, read("1")[1])
    (fault,) = container.check().faults
    assert f"a broken image with status {status}" in fault


def test_images_without_an_answer_are_faults_and_count_as_misread() -> None:
    container = Container()

    def answer(image: KnownImage) -> tuple[int, bytes]:
        if image.key == "images/3.png":
            raise Unavailable("The endpoint is starting.")
        return (500, b"out of memory") if image.key == "images/2.png" else read(image.label)

    container.answer = answer
    found = container.check()
    assert found.accuracy == 0.95
    assert (
        "2 of 40 images were not read, the first with status 500: out of memory"
        in (found.faults[0])
    )


def test_an_answer_that_is_no_prediction_is_a_fault() -> None:
    container = Container()
    container.answer = lambda _image: (200, b"[]")
    assert "no prediction" in container.check().faults[0]


def test_a_model_that_is_too_slow_on_its_own_is_refused() -> None:
    assert any("takes 2500 ms" in fault for fault in Container(seconds=2.5).check().faults)


def test_a_slow_model_is_asked_for_fewer_images() -> None:
    container = Container(seconds=SECONDS)
    assert container.check().images == LEAST_IMAGES
    assert Container(seconds=SECONDS / 20).check().images < len(IMAGES)


def test_one_bad_variant_refuses_all() -> None:
    good, bad = Container(), Container()
    bad.broken = (500, b"")
    verdict = report([good.check(), bad.check()])
    assert not verdict.passed
    assert MODEL.version in verdict.reason
    assert len(verdict.checks) == 2
