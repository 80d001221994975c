"""The process that looks at pictures: kept, told what to load, and started again."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visionml.errors import Unavailable
from visionml.local.rekognition.eyes import Eyes

PROGRAM = """
import os, sys
from pathlib import Path
from visionml.contracts import frames

folder, way = Path(sys.argv[1]), sys.argv[2]
requests, answers = sys.stdin.buffer, sys.stdout.buffer
loaded = ""
while (received := frames.receive(requests)) is not None:
    header, body = received
    if way == "dies always" or (way == "dies once" and not (folder / "died").exists()):
        (folder / "died").write_text("once")
        os._exit(1)
    if way == "sleeps":
        import time
        time.sleep(600)
    if header["ask"] == "load":
        loaded = body.decode()
        with (folder / "loads").open("a") as loads:
            print(loaded, file=loads)
    frames.send(answers, {"pid": os.getpid(), "loaded": loaded, "picture": body.decode()})
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[dict[str, Eyes]]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    eyes = {
        way: Eyes((sys.executable, str(program), str(tmp_path), way), patience_seconds=patience)
        for way, patience in (
            ("answers", 60.0), ("dies once", 60.0), ("dies always", 60.0), ("sleeps", 0.2),
        )
    }  # fmt: skip
    yield eyes
    for each in eyes.values():
        each.close()


def test_one_process_answers_all(started: dict[str, Eyes]) -> None:
    eyes = started["answers"]
    first, second = eyes.look("faces", b"one"), eyes.look("text", b"two")
    assert (first["picture"], second["picture"]) == ("one", "two")
    assert first["pid"] == second["pid"]


def test_a_model_is_loaded_once_until_there_is_another(
    started: dict[str, Eyes], tmp_path: Path
) -> None:
    eyes = started["answers"]
    for model in ("a", "a", "b"):
        seen = eyes.labels(b"picture", model, lambda name=model: name.encode())  # type: ignore[misc]
        assert seen["loaded"] == model
    assert (tmp_path / "loads").read_text().split() == ["a", "b"]


def test_after_its_death_it_is_started_and_told_the_model_again(
    started: dict[str, Eyes],
) -> None:
    assert started["dies once"].labels(b"picture", "a", lambda: b"a")["loaded"] == "a"


@pytest.mark.parametrize("way", ["dies always", "sleeps"])
def test_one_that_never_answers_is_given_up(started: dict[str, Eyes], way: str) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        started[way].look("faces", b"picture")
