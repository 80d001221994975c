"""The command line as a program: what it prints, how it ends, how fast it starts."""

import json
import subprocess
import sys
from pathlib import Path

from tests.unit import processor

LONGEST_START_SECONDS = 0.3
BIN = Path(sys.executable).parent
HEAVY = ("boto3", "botocore", "pandas", "numpy", "aws_cdk", "torch", "papermill", "psutil")


def visionml(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "visionml"), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )


def test_help_starts_at_once(tmp_path: Path) -> None:
    command = [str(BIN / "visionml"), "--help"]
    started = processor.least(command, limit=LONGEST_START_SECONDS, folder=str(tmp_path))
    assert started.seconds < LONGEST_START_SECONDS


def test_the_command_line_imports_nothing_heavy() -> None:
    script = f"import sys, visionml.cli.main; print(set({HEAVY!r}) & set(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "set()"


def test_an_error_is_a_sentence_with_what_to_do_and_no_traceback(tmp_path: Path) -> None:
    answer = visionml("train", "--dataset", "digits", folder=tmp_path)
    assert answer.returncode == 3
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: The embedded AWS of")
    assert "visionml local up" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_with_json_an_error_is_an_object(tmp_path: Path) -> None:
    answer = visionml("predict", "seven.png", "--json", folder=tmp_path)
    assert answer.returncode == 3
    told = json.loads(answer.stderr)
    assert told["error"] == "NotFound"
    assert "visionml local up" in told["hint"]


def test_an_unknown_environment_is_answered_with_those_there_are(tmp_path: Path) -> None:
    answer = visionml("deploy", "--environment", "mars", folder=tmp_path)
    assert answer.returncode == 2
    assert "dev, local, prod, staging" in answer.stderr


def test_a_demo_outside_of_the_project_says_where_to_go(tmp_path: Path) -> None:
    answer = visionml("demo", folder=tmp_path)
    assert answer.returncode == 3
    assert "the one with the Makefile" in answer.stderr
    assert not (tmp_path / "runs").exists()


def test_a_demo_with_an_unknown_parameter_starts_nothing(tmp_path: Path) -> None:
    notebooks = Path(__file__).parents[3] / "notebooks"
    answer = visionml("demo", "--notebooks", str(notebooks), "-p", "epoch=3", folder=tmp_path)
    assert answer.returncode == 2
    assert "No notebook has a parameter named 'epoch'" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_hyperparameter_is_explained(tmp_path: Path) -> None:
    answer = visionml("train", "--dataset", "x", "--set", "epochs", folder=tmp_path)
    assert answer.returncode == 2
    assert "epochs=12" in answer.stderr
