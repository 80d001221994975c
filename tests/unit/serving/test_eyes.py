"""The program that looks at pictures for another: its answers, and what it does not understand."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.fakes.colours import write_model
from tests.fakes.pictures import encoded, with_orientation
from visionml.contracts import frames
from visionml.model import artefact
from visionml.serving.eyes import Eyes, serve

RED = Image.new("RGB", (90, 60), (200, 60, 60))
PICTURE = encoded(RED, "PNG")


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    folder = write_model(tmp_path / "model", size=32, classes=("cat", "dog", "house"))
    return artefact.pack(folder, tmp_path / "model.tar.gz").read_bytes()


def test_requests_are_answered_in_turn(archive: bytes) -> None:
    requests, answers = io.BytesIO(), io.BytesIO()
    for ask, body in (("load", archive), ("labels", PICTURE), ("text", PICTURE)):
        frames.send(requests, {"ask": ask}, body)
    requests.seek(0)
    serve(requests, answers)
    answers.seek(0)
    found: list[Any] = []
    while (received := frames.receive(answers)) is not None:
        found.append(received[0])
    loaded, labels, text = found
    assert loaded == {"classes": ["cat", "dog", "house"]}
    assert (labels["width"], labels["height"]) == (90, 60)
    assert labels["shares"].index(max(labels["shares"])) == 0
    assert sum(labels["shares"]) == pytest.approx(1)
    assert text == {"width": 90, "height": 60, "regions": []}


def test_a_picture_that_lies_on_its_side_has_the_size_that_is_seen() -> None:
    seen = Eyes().answer({"ask": "text"}, with_orientation(RED, 6))
    assert (seen["width"], seen["height"]) == (60, 90)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [(b"", "empty"), (b"plain text", "unsupported"), (PICTURE[:-20], "truncated")],
)
def test_a_picture_that_is_none_is_refused_with_the_reason(picture: bytes, reason: str) -> None:
    assert Eyes().answer({"ask": "faces"}, picture)["refused"] == reason


def test_what_cannot_be_done_fails_with_a_sentence() -> None:
    eyes = Eyes()
    assert eyes.answer({"ask": "labels"}, PICTURE) == {"failed": "No model has been loaded."}
    assert "cannot be unpacked" in eyes.answer({"ask": "load"}, b"no archive")["failed"]
    assert eyes.answer({"ask": "dance"}, b"")["failed"].startswith("'dance' is not one of")
