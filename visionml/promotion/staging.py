"""What a model has to show on the staging endpoint before it may reach production."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import sqrt

from pydantic import ValidationError

from visionml.contracts.deployment import PlannedModel, StagingReport, VariantCheck
from visionml.contracts.evaluation import EvaluationReport
from visionml.contracts.inference import ContainerPrediction
from visionml.errors import VisionmlError
from visionml.promotion.known_images import KnownImage

PACED = 5
"""So many images are sent one after another: nobody waits for another's answer."""
AT_ONCE = 4
LEAST_IMAGES = 10
SECONDS = 15.0
"""A slow model is asked for fewer images than a fast one, and for the least in any case."""
BROKEN_IMAGE = KnownImage("", "image/png", b"\x89PNG\r\n\x1a\nthis is no image")
_NOISE = 1.645
"""Standard deviations that chance exceeds in one case of twenty."""


@dataclass(frozen=True)
class Answer:
    """What came back for one image."""

    status: int
    """HTTP's; 0 when the endpoint could not be asked."""
    prediction: ContainerPrediction | None
    latency_ms: float
    said: str = ""


Send = Callable[[KnownImage], tuple[int, bytes]]
"""Send one image to the model under test; returns HTTP's status and the body."""


@dataclass(frozen=True)
class Limits:
    """What a model may lose, and how long it may take."""

    holdout_loss: float
    latency_ms: float


def check(
    model: PlannedModel,
    *,
    images: Sequence[KnownImage],
    evaluated: EvaluationReport,
    limits: Limits,
    send: Send,
    clock: Callable[[], float] = time.monotonic,
) -> VariantCheck:
    """Let a model read holdout images once more, where it would serve, and say what is wrong.

    `images` is not empty. The first one warms the model up and counts for its answer alone.
    """
    answers = _ask_all(images, send, clock)
    latencies = sorted(each.latency_ms for each in answers[1 : PACED + 1] or answers)
    read = images[: len(answers)]
    accuracy = sum(map(_right, read, answers)) / len(answers)
    expected, noise = expectation(read, evaluated)
    broken = _ask(BROKEN_IMAGE, send, clock)
    faults = [
        *_unanswered(answers),
        *_strangers(answers, model.version),
        *_inaccuracy(accuracy, expected, limits.holdout_loss + noise, images=len(answers)),
        *_slowness(latencies, limits.latency_ms),
        *_carelessness(broken),
    ]
    return VariantCheck(
        variant=model.variant,
        version=model.version,
        images=len(answers),
        accuracy=round(accuracy, 6),
        expected_accuracy=round(expected, 6),
        latency_p50_ms=round(_quantile(latencies, 0.5), 3),
        latency_p99_ms=round(_quantile(latencies, 0.99), 3),
        faults=tuple(faults),
    )


def report(checks: Sequence[VariantCheck]) -> StagingReport:
    """Return the verdict on all variants together."""
    faults = [
        f"{each.variant} ({each.version}): {fault}" for each in checks for fault in each.faults
    ]
    if faults:
        return StagingReport(passed=False, reason=" ".join(faults), checks=tuple(checks))
    shown = ", ".join(
        f"{each.variant} read {each.images} images with accuracy {each.accuracy:.4f}"
        for each in checks
    )
    return StagingReport(passed=True, reason=f"{shown}.", checks=tuple(checks))


def expectation(images: Sequence[KnownImage], evaluated: EvaluationReport) -> tuple[float, float]:
    """Return the accuracy that the evaluation lets expect of these images, and chance's share.

    Where the report lists every image that was misread, it tells the accuracy on just these
    images, and chance has no part in it. Elsewhere classes come equally often, as they do in the
    mean of the classes' recalls.
    """
    errors = round(evaluated.images * (1 - evaluated.accuracy))
    if errors <= len(evaluated.misread):
        misread = {each.key for each in evaluated.misread}
        wrong = sum(image.key in misread for image in images)
        return 1 - wrong / len(images), 0.0
    share = evaluated.macro_recall
    return share, _NOISE * sqrt(share * (1 - share) / len(images))


def _ask_all(images: Sequence[KnownImage], send: Send, clock: Callable[[], float]) -> list[Answer]:
    """Send the first images one by one and the others some at a time, until time is up."""
    until = clock() + SECONDS
    answers: list[Answer] = []
    paced = iter(images[: PACED + 1])
    for image in paced:
        if clock() > until and len(answers) >= LEAST_IMAGES:
            return answers
        answers.append(_ask(image, send, clock))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for batch in _batches(images[len(answers) :], AT_ONCE):
            if clock() > until and len(answers) >= LEAST_IMAGES:
                break
            answers.extend(pool.map(lambda image: _ask(image, send, clock), batch))
    return answers


def _batches(images: Sequence[KnownImage], size: int) -> Iterator[list[KnownImage]]:
    rest = iter(images)
    while batch := list(islice(rest, size)):
        yield batch


def _ask(image: KnownImage, send: Send, clock: Callable[[], float]) -> Answer:
    started = clock()
    try:
        status, body = send(image)
    except VisionmlError as error:
        return Answer(0, None, 1000 * (clock() - started), str(error))
    latency_ms = 1000 * (clock() - started)
    if status != 200:
        return Answer(status, None, latency_ms, body[:200].decode(errors="replace"))
    try:
        return Answer(status, ContainerPrediction.model_validate_json(body), latency_ms)
    except ValidationError:
        return Answer(status, None, latency_ms, "its answer is no prediction")


def _right(image: KnownImage, answer: Answer) -> bool:
    return answer.prediction is not None and answer.prediction.label == image.label


def _unanswered(answers: Sequence[Answer]) -> Iterator[str]:
    missing = [each for each in answers if each.prediction is None]
    if missing:
        yield (
            f"{len(missing)} of {len(answers)} images were not read, the first with status "
            f"{missing[0].status}: {missing[0].said}."
        )


def _strangers(answers: Sequence[Answer], version: str) -> Iterator[str]:
    named = {each.prediction.model_version for each in answers if each.prediction}
    if named - {version}:
        yield f"It answers as {', '.join(sorted(named - {version}))}."


def _inaccuracy(accuracy: float, expected: float, allowed: float, *, images: int) -> Iterator[str]:
    if expected - accuracy > allowed + 1e-9:
        yield (
            f"It read {accuracy:.4f} of {images} holdout images rightly, and its evaluation "
            f"{expected:.4f}: more than {allowed:.4f} are lost."
        )


def _slowness(latencies: Sequence[float], limit_ms: float) -> Iterator[str]:
    typical = _quantile(latencies, 0.5)
    if typical > limit_ms:
        yield f"It takes {typical:.0f} ms for an image; the alarm goes off at {limit_ms:.0f} ms."


def _carelessness(answer: Answer) -> Iterator[str]:
    if not 400 <= answer.status < 500:
        yield f"It answered a broken image with status {answer.status} instead of a refusal."


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
