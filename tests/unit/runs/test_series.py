"""Whole runs of small notebooks, with real kernels."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from visionml.contracts.summary import NotebookResult, RunSummary
from visionml.runs import folder, series, source
from visionml.runs.execute import NotebookStopped
from visionml.runs.folder import RunFolder
from visionml.runs.source import Notebook

Write = Callable[..., Path]


class Heard:
    """A display that remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, notebook: Notebook) -> None:
        self.told.append(f"start {notebook.name}")

    def cell(self, number: int, of: int) -> None:
        self.told.append(f"{number}/{of}")

    def ended(self, result: NotebookResult) -> None:
        self.told.append(f"{result.name} {result.status}")


def run(tmp_path: Path, heard: Heard | None = None, **parameters: object) -> RunFolder:
    made = folder.create(tmp_path / "runs")
    series.run(
        source.notebooks(tmp_path / "notebooks"),
        environment="dev",
        folder=made,
        display=heard or Heard(),
        parameters=parameters,  # type: ignore[arg-type]
    )
    return made


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, write_in: Callable[[Path], Write]) -> Path:
    tmp_path = tmp_path_factory.mktemp("good")
    write = write_in(tmp_path)
    write(
        "00_first",
        "from visionml.runs.figures import record\n"
        'record("holdout_accuracy", 0.981)\n'
        'record("prediction", {"label": environment, "probability": 0.99})',
        "import pandas as pd\npd.DataFrame({'a': [1]})",
    )
    write(
        "01_second",
        "epochs",
        parameters='environment: str = "local"  # where\nepochs: int = 1  # n',
    )
    return tmp_path


@pytest.fixture(scope="module")
def finished(good: Path) -> tuple[RunFolder, Heard]:
    heard = Heard()
    return run(good, heard, epochs=7), heard


def test_a_summary_holds_status_seconds_and_the_recorded_figures(
    finished: tuple[RunFolder, Heard],
) -> None:
    made, _ = finished
    summary = json.loads((made.path / "summary.json").read_text())
    assert set(summary) == {"environment", "started", "seconds", "commit", "notebooks", "results"}
    assert summary["environment"] == "dev"
    assert [n["name"] for n in summary["notebooks"]] == ["00_first", "01_second"]
    assert all(n["status"] == "passed" and n["error"] is None for n in summary["notebooks"])
    assert summary["results"] == {
        "holdout_accuracy": 0.981,
        "prediction": {"label": "dev", "probability": 0.99},
    }


def test_parameters_reach_the_notebooks_that_declare_them(
    finished: tuple[RunFolder, Heard],
) -> None:
    made, _ = finished
    cells = source.load(made.executed("01_second")).cells
    assert cells[-1].outputs[0]["data"]["text/plain"] == "7"


def test_the_display_hears_every_cell(finished: tuple[RunFolder, Heard]) -> None:
    _, heard = finished
    assert heard.told[0] == "start 00_first"
    assert "5/5" in heard.told
    assert heard.told[-1] == "01_second passed"


@pytest.mark.parametrize("page", ["index.html", "00_first.html", "01_second.html"])
def test_a_page_loads_nothing_from_elsewhere(finished: tuple[RunFolder, Heard], page: str) -> None:
    html = (finished[0].path / page).read_text()
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']+""", html) == []
    assert "<script" not in html
    assert "@import" not in html


def test_the_index_shows_the_figures_and_links_the_pages(
    finished: tuple[RunFolder, Heard],
) -> None:
    html = (finished[0].path / "index.html").read_text()
    assert "98.1%" in html
    for link in ("00_first.html", "01_second.ipynb", "summary.json"):
        assert f'href="{link}"' in html
        assert (finished[0].path / link).exists()


def test_latest_points_at_the_newest_run(finished: tuple[RunFolder, Heard]) -> None:
    made, _ = finished
    assert (made.path.parent / "latest").resolve() == made.path.resolve()


def test_a_failing_notebook_stops_the_run_and_is_kept(tmp_path: Path, write: Write) -> None:
    write("00_fails", "kept = 'what ran before'\nkept", "1 / 0", "'never'")
    write("01_waits", "2")
    with pytest.raises(NotebookStopped) as caught:
        run(tmp_path)
    failure = caught.value.failure
    assert (failure.cell, failure.source, failure.error) == ("In [4]", "1 / 0", "ZeroDivisionError")
    assert caught.value.exit_code == 7
    made = RunFolder((tmp_path / "runs" / "latest").resolve())
    summary = RunSummary.model_validate_json((made.path / "summary.json").read_bytes())
    assert [n.status for n in summary.notebooks] == ["failed", "not_run"]
    assert summary.notebooks[0].error == "In [4]: ZeroDivisionError: division by zero"
    assert "what ran before" in made.page("00_fails").read_text()
    assert "division by zero" in made.index.read_text()


def test_a_dead_kernel_stops_the_run(tmp_path: Path, write: Write) -> None:
    write("00_dies", "import os\nos._exit(1)")
    with pytest.raises(NotebookStopped, match="DeadKernelError"):
        run(tmp_path)


def test_an_interrupted_run_is_written_down(tmp_path: Path, write: Write) -> None:
    class Impatient(Heard):
        def cell(self, number: int, of: int) -> None:
            if number == of:
                raise KeyboardInterrupt

    write("00_long", "1")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Impatient())
    summary = RunFolder((tmp_path / "runs" / "latest").resolve()).read()
    assert summary is not None
    assert summary.notebooks[0].status == "interrupted"


def test_two_runs_in_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    first, second = folder.create(tmp_path), folder.create(tmp_path)
    assert first.path != second.path
    assert (tmp_path / "latest").resolve() == second.path.resolve()
