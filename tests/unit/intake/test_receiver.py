"""The function that looks at uploads: what it hands back, counts, logs and holds in memory."""

import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events, hostile
from tests.fakes.bucket import MemoryBucket
from tests.fakes.intake import MemoryIntake
from tests.fakes.pictures import encoded
from tests.fakes.variables import VARIABLES
from tests.unit.handlers.conftest import Context
from visionml.aws.bucket import Held
from visionml.cdk import bundle
from visionml.contracts.images import ProcessingStatus
from visionml.errors import AccessDenied, Unavailable
from visionml.intake.accepting import Accepted
from visionml.intake.messages import Upload

EVENT = events.load("receiver.upload")
CONTEXT: LambdaContext = Context()  # type: ignore[assignment]
JPEG = encoded(hostile.small(), "JPEG")
PNG = encoded(hostile.small(), "PNG")
NAMES = ("alice-on-holiday", "bob@example.com", "Carol")
"""What must not be logged; the last one stands for what S3 says itself."""


def message(upload: Upload, number: int) -> dict[str, Any]:
    (record,) = EVENT["Records"]
    body = json.loads(record["body"])
    body["detail"]["object"] |= {
        "key": upload.key,
        "version-id": upload.version,
        "size": upload.size,
    }
    return {**record, "messageId": f"message-{number}", "body": json.dumps(body)}


class Started:
    """What the module logged and measured, and how it is called."""

    def __init__(self, module: ModuleType, printed: Callable[[], str]) -> None:
        self.module, self._printed = module, printed
        self.stream = io.StringIO()

    def __call__(self, intake: MemoryIntake, *messages: dict[str, Any]) -> list[str]:
        """Handle a batch, and return the ids of the messages that are handed back."""
        vars(self.module)["receiver"] = intake.receiver
        answer = self.module.handler({"Records": list(messages)}, CONTEXT)
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def figures(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._printed().splitlines() if "_aws" in line]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Started:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module("visionml.intake.receiver")
    monkeypatch.setattr(module, "receiver", module.receiver)
    started = Started(module, lambda: capsys.readouterr().out)
    monkeypatch.setattr(module.logger.registered_handler, "stream", started.stream)
    return started


def test_a_bad_message_is_handed_back_and_the_good_ones_are_not(start: Started) -> None:
    intake = MemoryIntake()
    uploads = [intake.upload(data) for data in (JPEG, hostile.HTML, PNG)]
    first, second, third = (message(each, number) for number, each in enumerate(uploads))
    bad = {**first, "messageId": "bad", "body": '{"Carol": 1}'}
    assert start(intake, first, bad, second, third) == ["bad"]
    assert [intake.known(each).processing_status for each in uploads] == [
        ProcessingStatus.ACCEPTED,
        ProcessingStatus.REFUSED,
        ProcessingStatus.ACCEPTED,
    ]
    assert not any(key.startswith("uploads/") for key in intake.world.now("images"))


def test_a_batch_that_fails_as_a_whole_is_handed_back_message_by_message(start: Started) -> None:
    (record,) = EVENT["Records"]
    bad = [{**record, "messageId": f"bad-{number}", "body": "{}"} for number in range(2)]
    assert start(MemoryIntake(), *bad) == ["bad-0", "bad-1"]


def test_images_are_counted_once_however_often_they_are_told_of(start: Started) -> None:
    intake = MemoryIntake()
    good, html, gone = (intake.upload(data) for data in (JPEG, hostile.HTML, PNG))
    intake.bucket.delete(gone.key, gone.version)
    batch = [message(each, number) for number, each in enumerate((good, html, gone))]
    start(intake, *batch, *batch)
    start(intake, *batch)
    figures = start.figures()

    def total(name: str, **dimensions: str) -> float:
        return sum(
            sum(each[name])
            for each in figures
            if name in each
            and dimensions.items() <= each.items()
            and ("reason" in each) == bool(dimensions)
        )

    assert total("ImagesAccepted") == total("ImagesRefused") == total("ImagesVanished") == 1
    assert total("ImagesRefused", reason="unsupported") == 1
    assert total("Failures") == 0
    assert all(each["service"] == "visionml" for each in figures)
    durations = [value for each in figures for value in each.get("IntakeDurationMs", [])]
    assert len(durations) == 9
    assert min(durations) > 0


def test_what_failed_is_counted(start: Started) -> None:
    intake = MemoryIntake()
    bad = {**message(intake.upload(JPEG), 1), "body": "{}"}
    start(intake, bad, message(intake.upload(JPEG), 2))
    assert [each["Failures"] for each in start.figures() if "Failures" in each] == [[1.0]]


def test_one_line_tells_of_an_image_and_none_tells_of_a_person(start: Started) -> None:
    intake = MemoryIntake()
    key, metadata = f"uploads/7f3c/{NAMES[0]}.jpg", {"user": NAMES[1], "camera": NAMES[2]}
    uploads = [intake.upload(data, key, metadata) for data in (JPEG, hostile.HTML)]
    start(intake, *(message(each, number) for number, each in enumerate(uploads)))
    lines = start.lines()
    assert [(line["image_id"], line["status"], line["new"]) for line in lines] == [
        (uploads[0].image_id, "accepted", True),
        (uploads[1].image_id, "refused", True),
    ]
    assert lines[1]["reason"] == "unsupported"
    said = start.stream.getvalue() + json.dumps(start.figures())
    for name in (*NAMES, "u-"):
        assert name not in said


def test_a_failure_is_logged_with_its_cause_and_without_a_person(start: Started) -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG, f"uploads/ü {NAMES[0]}.jpg", {"user": NAMES[1]})
    quoted = "uploads/%C3%BC%20alice-on-holiday.jpg"

    def denied(_: str) -> None:
        raise AccessDenied(f"Could not write s3://images/{upload.key}: no ({quoted}).")

    def broken(_: str) -> None:
        raise ValueError(NAMES[2])

    for step in (denied, broken):
        intake.watch(step)
        assert start(intake, message(upload, 7)) == ["message-7"]
    first, second = start.lines()
    assert (first["image_id"], first["error"]) == (upload.image_id, "AccessDenied")
    assert first["told"].startswith("Could not write s3://images/uploads/...: no")
    assert any("receiving.py:" in each for each in first["where"])
    assert (second["error"], second["told"]) == ("ValueError", "")
    said = start.stream.getvalue() + json.dumps(start.figures())
    for name in NAMES:
        assert name not in said


class Tracked(bytes):
    """Bytes that count how many of them are in memory."""

    alive = 0

    def __new__(cls, content: bytes) -> Self:
        Tracked.alive += 1
        return super().__new__(cls, content)

    def __del__(self) -> None:
        Tracked.alive -= 1


def test_one_image_is_in_memory_at_a_time_even_when_some_fail(start: Started) -> None:
    seen: list[int] = []

    class Bucket(MemoryBucket):
        def read(self, key: str, version: str, *, limit: int) -> Held:
            held = super().read(key, version, limit=limit)
            tracked = Tracked(held.content)
            seen.append(Tracked.alive)
            return held._replace(content=tracked)

    def accept(data: bytes) -> Accepted:
        if data == PNG:
            raise Unavailable("Slow down.") from OSError(data)
        return whole(data)

    whole = MemoryIntake().receiver.accept
    intake = MemoryIntake(accept=accept)
    object.__setattr__(intake.receiver, "bucket", Bucket(intake.world))
    uploads = [intake.upload(data) for data in (JPEG, PNG, hostile.HTML, PNG, JPEG)]
    failed = start(intake, *(message(each, number) for number, each in enumerate(uploads)))
    assert failed == ["message-1", "message-3"]
    assert seen == [1] * 5
    assert Tracked.alive == 0


def test_the_detector_is_started_with_the_order_under_a_name_of_its_own(
    start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []

    class States:
        def start_execution(self, **request: Any) -> dict[str, str]:
            started.append(request)
            return {"executionArn": "arn"}

    class Aws:
        states = States()

    monkeypatch.setattr(start.module, "aws", Aws())
    intake = MemoryIntake()
    upload = intake.upload(JPEG)
    start(intake, message(upload, 1))
    for _ in range(2):
        start.module._detect(intake.orders[0])
    names = [each["name"] for each in started]
    assert json.loads(started[0]["input"])["picture"] == f"previews/800/{upload.image_id}.jpg"
    assert all(name.startswith(f"{upload.image_id}-") for name in names)
    assert len(set(names)) == 2
    assert max(map(len, names)) <= 80


def test_it_starts_from_what_is_copied_into_its_image() -> None:
    program = (
        "import visionml.intake.receiver as r, sys; print(r.__file__, 'skimage' in sys.modules)"
    )
    with bundle.staged(bundle.VISION) as folder:
        found = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            env={**os.environ, **VARIABLES, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=True,
        )
        place = Path(folder, "visionml", "intake", "receiver.py")
        assert found.stdout.split() == [str(place), "False"]
