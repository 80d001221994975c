"""Containers: what they see, how they end, and that nothing of them stays."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from visionml.local.containers import Launch, Runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime that leaves nothing behind."""
    made = Runtime()
    yield made
    made.close()


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    """The folder that containers see as /opt/ml."""
    folder = tmp_path / "host" / "ml"
    folder.mkdir(parents=True)
    return folder


def run(
    runtime: Runtime, ml: Path, *command: str, **variables: str
) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    container = runtime.start(Launch(command, ml, variables, ml.parent), lines.append)
    return container.wait(20), lines


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_program_finds_its_folder_and_leaves_files_there(runtime: Runtime, ml: Path) -> None:
    (ml / "given").write_text("in")
    base = "/opt/ml" if runtime.private_folders else "$SAGEMAKER_BASE_DIR"
    code, lines = run(runtime, ml, "sh", "-c", f"cat {base}/given; echo out > {base}/left")
    assert (code, lines) == (0, ["in"])
    assert (ml / "left").read_text() == "out\n"


def test_a_program_gets_its_variables_and_no_others(
    runtime: Runtime, ml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the server's")
    code, lines = run(runtime, ml, "env", COLOUR="blue")
    assert code == 0
    assert "COLOUR=blue" in lines
    assert not [line for line in lines if line.startswith("AWS_")]


def test_the_hosts_of_a_cluster_have_names(runtime: Runtime, ml: Path) -> None:
    code, lines = run(runtime, ml, "sh", "-c", "env; getent hosts algo-1")
    if runtime.private_folders:
        assert (code, lines[-1].split()) == (0, ["127.0.0.1", "algo-1"])
    else:
        assert f"SAGEMAKER_BASE_DIR={ml}" in lines


def test_without_private_folders_a_variable_names_the_folder(runtime: Runtime, ml: Path) -> None:
    vars(runtime)["private_folders"] = False
    code, lines = run(runtime, ml, "sh", "-c", "echo out > $SAGEMAKER_BASE_DIR/left; env")
    assert code == 0
    assert f"SAGEMAKER_BASE_DIR={ml}" in lines
    assert (ml / "left").read_text() == "out\n"
    assert run(runtime, ml, "no-such-program")[0] == 127


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_exit_codes_are_dockers(runtime: Runtime, ml: Path, script: str, code: int) -> None:
    assert run(runtime, ml, "sh", "-c", script)[0] == code


def test_a_missing_program_ends_with_127(runtime: Runtime, ml: Path) -> None:
    assert run(runtime, ml, "no-such-program")[0] == 127


def test_stopping_asks_first_and_then_kills(runtime: Runtime, ml: Path) -> None:
    lines: list[str] = []
    stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    container = runtime.start(Launch(["sh", "-c", stubborn], ml, {}, ml.parent), lines.append)
    deadline = time.monotonic() + 10
    while not lines and time.monotonic() < deadline:
        time.sleep(0.01)
    assert container.stop(0.2) == 137
    polite = runtime.start(Launch(["sleep", "60"], ml, {}, ml.parent), lines.append)
    assert polite.stop(10) == 143


def test_what_a_program_starts_ends_with_it(runtime: Runtime, ml: Path) -> None:
    code, lines = run(runtime, ml, "sh", "-c", "sleep 60 & echo $!")
    assert code == 0
    deadline = time.monotonic() + 10
    while alive(int(lines[0])):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_closing_ends_everything(ml: Path) -> None:
    runtime = Runtime()
    containers = [
        runtime.start(Launch(["sleep", "60"], ml, {}, ml.parent), print) for _ in range(3)
    ]
    runtime.close()
    assert [container.exit_code for container in containers] == [137, 137, 137]
    assert list(ml.parent.glob("hosts-*")) == []


def test_long_lines_and_bytes_that_are_no_text_are_passed_on(runtime: Runtime, ml: Path) -> None:
    script = r"printf 'x%.0s' $(seq 1000); printf '\n\377\n'"
    code, lines = run(runtime, ml, "sh", "-c", script)
    assert (code, lines) == (0, ["x" * 1000, "�"])
