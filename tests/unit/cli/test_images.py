"""What the commands about images print and end with."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from visionml import workbench
from visionml.cli.main import app
from visionml.contracts.detector import Label
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.desks.forgetting import Forgotten
from visionml.desks.image_records import frame
from visionml.errors import InvalidInput

IMAGE = "a" * 32
MODEL = {"model": "run-1", "registered": False, "the model": "learnt from it"}


def record(**given: Any) -> ImageRecord:
    facts: dict[str, Any] = {
        "image_id": IMAGE,
        "timestamp": datetime(2026, 11, 20, 10, tzinfo=UTC),
        "processing_status": ProcessingStatus.ORGANISED,
        "file_size": 1234,
        "image_format": "jpeg",
        "detected_animal": "cat",
        "confidence_score": 97.5,
        "labels": (Label(name="Cat", confidence=97.5),),
    }
    return ImageRecord.model_validate({**facts, **given})


class Desk:
    """Stands for ``session.images``."""

    def __init__(self, *outcomes: str) -> None:
        self.rows = [
            (f"{number}.jpg", outcome, IMAGE, "It does not exist." if "not" in outcome else "")
            for number, outcome in enumerate(outcomes)
        ]
        self.asked: dict[str, Any] = {}

    def upload(
        self, paths: list[str], *, user: str, on_progress: Callable[[int, int], None]
    ) -> pd.DataFrame:
        self.asked = {"paths": paths, "user": user}
        if "interrupt" in paths:
            raise KeyboardInterrupt
        on_progress(1, 1)
        return pd.DataFrame(self.rows, columns=pd.Index(["file", "outcome", "image", "detail"]))

    def retry(self, images: list[str] | None = None, *, status: str | None = None) -> pd.DataFrame:
        self.asked = {"images": images, "status": status}
        rows = [(IMAGE, "started"), ("b" * 32, "too small")]
        return pd.DataFrame(rows, columns=pd.Index(["image", "outcome"])).set_index("image")

    def wait(self, _sent: pd.DataFrame, **asked: Any) -> pd.DataFrame:
        self.asked |= asked
        return frame([record()])

    def table(self, **asked: Any) -> pd.DataFrame:
        self.asked = asked
        return frame([record()])

    def get(self, image: str) -> ImageRecord:
        return record(image_id=image)

    def forget(self, image: str, *, dry_run: bool = False) -> Forgotten:
        self.asked.setdefault("forgotten", []).append("planned" if dry_run else "done")
        return Forgotten(
            record(image_id=image),
            done=not dry_run,
            deleted={"image": 2, "previews": 3},
            held=[],
            models=pd.DataFrame([MODEL]),
            alike=(),
            results_days=30,
        )


class Session:
    def __init__(self, images: Desk) -> None:
        self.images = images


def run(monkeypatch: pytest.MonkeyPatch, desk: Desk, *arguments: str, typed: str = "") -> Any:
    monkeypatch.setattr(workbench, "open", lambda *_, **__: Session(desk))
    return CliRunner().invoke(app, list(arguments), input=typed)


def test_upload_tells_what_became_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk("sent", "sent", "known")
    answer = run(monkeypatch, desk, "upload", "a.jpg", "folder", "--user", "anna")
    assert answer.exit_code == 0
    assert answer.stdout == "2 sent, 1 known\n"
    assert desk.asked == {"paths": ["a.jpg", "folder"], "user": "anna"}


def test_a_file_that_was_not_sent_is_told_and_ends_in_1(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Desk("sent", "not sent"), "upload", "a.jpg")
    assert answer.exit_code == 1
    assert "1.jpg: It does not exist." in answer.stderr


def test_with_json_upload_prints_every_file_and_with_wait_every_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk("sent", "not sent")
    answer = run(monkeypatch, desk, "upload", "a.jpg", "--wait", "--patience", "7", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert [each["outcome"] for each in told["files"]] == ["sent", "not sent"]
    assert told["images"][0]["image"] == IMAGE
    assert told["images"][0]["time"].startswith("2026-11-20T10:00:00")
    assert desk.asked["patience_seconds"] == 7


def test_an_interrupted_upload_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Desk(), "upload", "interrupt")
    assert answer.exit_code == 130
    assert "goes on where this one stopped" in answer.stderr


def test_images_are_listed_by_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    answer = run(monkeypatch, desk, "images", "--label", "cat", "--since", "2026-11-20")
    assert answer.exit_code == 0
    assert IMAGE in answer.stdout
    assert "organised" in answer.stdout
    assert desk.asked["label"] == "cat"
    assert desk.asked["since"] == "2026-11-20"


@pytest.mark.parametrize("as_json", [True, False])
def test_one_image_is_shown(monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    answer = run(monkeypatch, Desk(), "images", "show", IMAGE, *(["--json"] if as_json else []))
    assert answer.exit_code == 0
    if as_json:
        assert json.loads(answer.stdout)["DetectedAnimal"] == "cat"
    else:
        assert "Labels            Cat 97.5" in answer.stdout


@pytest.mark.parametrize(
    ("options", "typed", "done"),
    [
        ([], "y\n", ["planned", "done"]),
        ([], "n\n", ["planned"]),
        (["--dry-run"], "", ["planned"]),
        (["--yes"], "", ["done"]),
        (["--yes", "--dry-run"], "", ["planned"]),
    ],
)
def test_an_image_is_forgotten_by_who_says_so(
    monkeypatch: pytest.MonkeyPatch, options: list[str], typed: str, done: list[str]
) -> None:
    desk = Desk()
    answer = run(monkeypatch, desk, "forget", IMAGE, *options, typed=typed)
    assert desk.asked["forgotten"] == done
    assert answer.exit_code == (1 if typed == "n\n" else 0)
    assert "image 2, previews 3" in answer.stdout
    assert "run-1 (learnt from it, not registered)" in answer.stdout
    assert "Models were not changed." in answer.stdout


def test_with_json_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    answer = run(monkeypatch, desk, "forget", IMAGE, "--json")
    assert isinstance(answer.exception, InvalidInput)
    assert desk.asked == {}
    told = json.loads(run(monkeypatch, desk, "forget", IMAGE, "--json", "--yes").stdout)
    assert told["done"] is True
    assert told["deleted"] == {"image": 2, "previews": 3}
    assert told["models"] == [MODEL]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([IMAGE], {"images": [IMAGE], "status": None}),
        (["--failed"], {"images": None, "status": "failed"}),
        (["--accepted"], {"images": None, "status": "accepted"}),
    ],
)
def test_images_left_behind_are_tried_again(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], asked: dict[str, Any]
) -> None:
    desk = Desk()
    told = run(monkeypatch, desk, "images", "retry", *arguments)
    assert (told.exit_code, told.stdout) == (0, "1 started, 1 too small\n")
    assert desk.asked == asked
    listed = json.loads(run(monkeypatch, desk, "images", "retry", *arguments, "--json").stdout)
    assert listed[0] == {"image": IMAGE, "outcome": "started"}


@pytest.mark.parametrize("arguments", [[], ["--failed", "--accepted"], [IMAGE, "--failed"]])
def test_what_to_try_again_is_said_in_one_way(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    told = run(monkeypatch, Desk(), "images", "retry", *arguments)
    assert isinstance(told.exception, InvalidInput)
