"""Run the notebooks one after another, and write down how it went."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from visionml.contracts.summary import NotebookResult, RunSummary, Status
from visionml.runs import page
from visionml.runs.execute import NotebookStopped, execute
from visionml.runs.figures import recorded
from visionml.runs.folder import RunFolder, commit
from visionml.runs.source import Notebook, chosen, load


class Display(Protocol):
    """What is told how a run goes."""

    def started(self, notebook: Notebook) -> None:
        """Take note that a notebook begins."""

    def cell(self, number: int, of: int) -> None:
        """Take note that a cell of that notebook begins."""

    def ended(self, result: NotebookResult) -> None:
        """Take note of how that notebook went."""


class _Series:
    def __init__(self, sources: Sequence[Notebook], *, environment: str, folder: RunFolder) -> None:
        self._sources = sources
        self._environment = environment
        self._folder = folder
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._commit = commit(Path.cwd())
        self._done: list[NotebookResult] = []
        self._results: dict[str, JsonValue] = {}

    def run_one(
        self, source: Notebook, parameters: Mapping[str, JsonValue], display: Display
    ) -> NotebookStopped | None:
        clock = time.monotonic()
        status: Status = "interrupted"
        error: str | None = "It was interrupted."
        stopped = None
        display.started(source)
        try:
            execute(
                source,
                self._folder.executed(source.name),
                parameters=parameters,
                on_cell=display.cell,
            )
            status, error = "passed", None
        except NotebookStopped as raised:
            status, error, stopped = "failed", str(raised.failure), raised
        finally:  # also on Ctrl-C: what ran is kept and told
            self._keep(source, status, error, round(time.monotonic() - clock, 1))
            display.ended(self._done[-1])
        return stopped

    def _keep(self, source: Notebook, status: Status, error: str | None, seconds: float) -> None:
        self._done.append(
            NotebookResult(name=source.name, status=status, seconds=seconds, error=error)
        )
        executed = self._folder.executed(source.name)
        if executed.exists():
            self._results |= recorded(load(executed))
            page.write_notebook(executed, self._folder.page(source.name), sources=self._sources)
        self.write()

    def write(self) -> RunSummary:
        waiting = [
            NotebookResult(name=source.name, status="not_run", seconds=0.0)
            for source in self._sources[len(self._done) :]
        ]
        summary = RunSummary(
            environment=self._environment,
            started=self._started,
            seconds=round(time.monotonic() - self._clock, 1),
            commit=self._commit,
            notebooks=[*self._done, *waiting],
            results=self._results,
        )
        self._folder.write(summary)
        page.write_index(summary, self._folder.index, sources=self._sources)
        return summary


def run(
    sources: Sequence[Notebook],
    *,
    environment: str,
    folder: RunFolder,
    display: Display,
    parameters: Mapping[str, JsonValue] | None = None,
) -> RunSummary:
    """Execute notebooks in order into a folder, and return the summary that it holds.

    Each gets the parameter ``environment`` and those of `parameters` that it declares. The
    summary and the pages are written anew after every notebook, so that they are there whatever
    ends the run.

    Raises
    ------
    NotebookStopped
        A notebook failed; those after it did not run.
    InvalidInput
        No notebook declares one of the parameters.
    """
    given = chosen(sources, {**(parameters or {}), "environment": environment})
    series = _Series(sources, environment=environment, folder=folder)
    for source in sources:
        stopped = series.run_one(source, given[source.name], display)
        if stopped:
            raise stopped
    return series.write()
