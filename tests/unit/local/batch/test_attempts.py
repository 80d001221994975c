"""How attempts end: by themselves, over their time, or because they have to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from visionml.local.batch.attempts import supervise
from visionml.local.batch.core import Halt
from visionml.local.batch.retries import Ending
from visionml.local.containers import Container, Launch, Runtime

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime that leaves nothing behind."""
    made = Runtime()
    yield made
    made.close()


class Program:
    """A shell program that runs, and what it has said."""

    def __init__(self, runtime: Runtime, folder: Path, text: str) -> None:
        ml = folder / "host" / "ml"
        ml.mkdir(parents=True)
        self.lines: list[str] = []
        self.ready = threading.Event()
        self.container: Container = runtime.start(Launch(["sh", "-c", text], ml, {}, ml), self.hear)

    def hear(self, line: str) -> None:
        self.lines.append(line)
        self.ready.set()


def never() -> Halt | None:
    return None


def test_a_program_that_ends_has_its_exit_code(runtime: Runtime, tmp_path: Path) -> None:
    program = Program(runtime, tmp_path, "exit 4")
    assert supervise(program.container, seconds=None, halt=never) == Ending(4)


def test_an_attempt_over_its_time_is_stopped_and_final(runtime: Runtime, tmp_path: Path) -> None:
    program = Program(runtime, tmp_path, "trap 'exit 9' TERM; echo r; while :; do sleep 0.05; done")
    assert program.ready.wait(20)
    ending = supervise(program.container, seconds=0.1, halt=never)
    assert ending == Ending(9, status_reason="Job attempt duration exceeded timeout", final=True)


def test_a_program_that_stays_is_killed_after_its_grace(runtime: Runtime, tmp_path: Path) -> None:
    program = Program(runtime, tmp_path, STUBBORN)
    assert program.ready.wait(20)
    halt = Halt(Ending(status_reason="Enough", final=True), 0.3)
    ending = supervise(program.container, seconds=None, halt=lambda: halt)
    assert ending == Ending(137, status_reason="Enough", final=True)


def test_an_interrupted_attempt_has_no_exit_code(runtime: Runtime, tmp_path: Path) -> None:
    program = Program(runtime, tmp_path, "sleep 60")
    halt = Halt(Ending(status_reason="Host EC2 (instance i-1) terminated."), 5)
    ending = supervise(program.container, seconds=None, halt=lambda: halt)
    assert ending.exit_code is None
    assert not ending.final
