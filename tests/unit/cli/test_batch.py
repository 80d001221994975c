"""``visionml batch``: which images, by whom, and what is told."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from visionml import workbench
from visionml.cli.main import app
from visionml.contracts.batch import BatchSummary
from visionml.desks.batches import BatchOutcome
from visionml.desks.card import Card

runner = CliRunner()
SUMMARY = BatchSummary(
    run_id="mine",
    outcome="succeeded",
    day="2026-01-02",
    method="model",
    inputs=10,
    results=9,
    failures=1,
    by_reason={"unsupported": 1},
    parts=1,
    missing_parts=(),
    seconds=2.0,
    images_per_second=5.0,
)


class Run:
    """Stands for a run."""

    run_id = "mine"

    def watch(self) -> BatchOutcome:
        return BatchOutcome(SUMMARY)

    def status(self) -> Card:
        return Card("Run", {"parts": "1 of 1 done"})


class Batches:
    """Stands for the desk; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def put(self, images: Path, *, folder: str) -> str:
        self.asked["put"] = images
        return f"batch/{folder}/"

    def run(self, prefix: str, **asked: Any) -> Run:
        self.asked |= {"prefix": prefix, **asked}
        return Run()

    def resume(self, run_id: str) -> Run:
        self.asked["resume"] = run_id
        return Run()

    def open(self, run_id: str) -> Run:
        self.asked["open"] = run_id
        return Run()

    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"run": ["mine"], "outcome": ["succeeded"]}).set_index("run")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Batches:
    made = Batches()

    class Session:
        batch = made

    monkeypatch.setattr(workbench, "open", lambda _environment, **_: Session())
    return made


def test_a_prefix_is_run_and_its_sum_printed(desk: Batches) -> None:
    done = runner.invoke(app, ["batch", "run", "batch/a/", "--method", "model", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == SUMMARY.model_dump(mode="json")
    assert (desk.asked["prefix"], desk.asked["method"]) == ("batch/a/", "model")
    assert (desk.asked["bucket"], desk.asked["model_version"]) == ("raw", None)


def test_a_folder_is_put_below_the_runs_own_prefix(desk: Batches, tmp_path: Path) -> None:
    done = runner.invoke(app, ["batch", "run", "--put", str(tmp_path), "--run", "mine"])
    assert done.exit_code == 0, done.output
    assert (desk.asked["put"], desk.asked["prefix"]) == (tmp_path, "batch/mine/")
    assert "1 x unsupported" in done.stdout


def test_a_run_may_be_left_alone(desk: Batches) -> None:
    done = runner.invoke(app, ["batch", "resume", "mine", "--no-wait", "--json"])
    assert json.loads(done.stdout) == {"run": "mine", "status": "started"}
    assert desk.asked["resume"] == "mine"


@pytest.mark.parametrize(
    "arguments", [[], ["batch/a/", "--put", "folder"], ["batch/a/", "--method", "magic"]]
)
def test_what_cannot_be_meant_is_refused(desk: Batches, arguments: list[str]) -> None:
    assert runner.invoke(app, ["batch", "run", *arguments]).exit_code != 0
    assert desk.asked == {}


def test_status_and_list_are_json(desk: Batches) -> None:
    told = json.loads(runner.invoke(app, ["batch", "status", "mine", "--json"]).stdout)
    assert told == {"run": "mine", "parts": "1 of 1 done"}
    assert desk.asked["open"] == "mine"
    listed = json.loads(runner.invoke(app, ["batch", "list", "--json"]).stdout)
    assert listed == [{"run": "mine", "outcome": "succeeded"}]


def test_what_is_neither_a_result_nor_a_failure_is_lost() -> None:
    broken = SUMMARY.model_copy(update={"results": 4})
    whole = {"inputs": 10, "results": 9, "recorded_failures": 1, "lost": 0}
    assert BatchOutcome(SUMMARY).figures == whole
    assert BatchOutcome(broken).figures == {**whole, "results": 4, "lost": 5}
