"""What a person sees while the notebooks run: live on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from visionml.contracts.summary import NotebookResult, RunSummary
from visionml.runs.execute import NotebookStopped
from visionml.runs.page import format_figure, label
from visionml.runs.series import Display
from visionml.runs.source import Notebook

_TRACEBACK_LINES = 25
_STYLES = {"passed": "green", "failed": "bold red", "interrupted": "red", "not_run": "dim"}
_MARKS = {"passed": "✓", "failed": "✗", "interrupted": "✗", "not_run": "·"}


class LiveDisplay:
    """A line per notebook, with its cell and the time; for terminals."""

    def __init__(self, progress: Progress, sources: Sequence[Notebook]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {
            source.name: progress.add_task(source.title, start=False, total=None, cells="")
            for source in sources
        }
        self._task = TaskID(0)

    def started(self, notebook: Notebook) -> None:
        """Start the notebook's clock."""
        self._task = self._tasks[notebook.name]
        self._progress.start_task(self._task)

    def cell(self, number: int, of: int) -> None:
        """Move the notebook's bar."""
        self._progress.update(
            self._task, completed=number - 1, total=of, cells=f"cell {number} of {of}"
        )

    def ended(self, result: NotebookResult) -> None:
        """Stop the notebook's clock and say how it went."""
        style = _STYLES[result.status]
        self._progress.update(self._task, cells=f"[{style}]{label(result.status)}[/]")
        if result.status == "passed":
            self._progress.update(self._task, completed=self._progress.tasks[self._task].total)
        self._progress.stop_task(self._task)


class LineDisplay:
    """A line as a notebook starts and one as it ends; for logs."""

    def __init__(self, console: Console, sources: Sequence[Notebook]) -> None:
        self._console = console
        self._names = [source.name for source in sources]
        self._cells = ""

    def started(self, notebook: Notebook) -> None:
        """Say that the notebook begins."""
        place = f"[{self._names.index(notebook.name) + 1}/{len(self._names)}]"
        self._print(f"{place} {notebook.name}: {notebook.title}")

    def cell(self, number: int, of: int) -> None:
        """Remember how far the notebook came."""
        self._cells = f"{number} of {of} cells"

    def ended(self, result: NotebookResult) -> None:
        """Say how the notebook went."""
        self._print(f"      {result.status}: {self._cells} in {result.seconds:.1f} s")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def display(console: Console, sources: Sequence[Notebook]) -> Iterator[Display]:
    """Show a run's progress as the console allows."""
    if not console.is_terminal:
        yield LineDisplay(console, sources)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[cells]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield LiveDisplay(progress, sources)


@contextmanager
def stage(console: Console, doing: str) -> Iterator[None]:
    """Show one step outside of the notebooks, such as starting the embedded AWS, and its time."""
    clock = time.monotonic()
    if console.is_terminal:
        with console.status(doing):
            yield
    else:
        yield
    console.print(f"{doing}: {time.monotonic() - clock:.1f} s", highlight=False)


def show_failure(console: Console, stopped: NotebookStopped) -> None:
    """Show the cell that stopped a notebook, and what it raised."""
    failure = stopped.failure
    console.print()
    if failure.source:
        title = f"{stopped.notebook}, {failure.cell}"
        console.print(Panel(Syntax(failure.source, "python", word_wrap=True), title=title))
    told = failure.traceback.strip().splitlines()[-_TRACEBACK_LINES:] or [failure.message]
    console.print(Text("\n".join(told)), soft_wrap=True)


def show_summary(console: Console, summary: RunSummary) -> None:
    """Show a table of the notebooks and one of the figures."""
    console.print()
    notebooks = Table("Notebook", "", "Status", box=None, pad_edge=False)
    notebooks.add_column("Seconds", justify="right")
    for result in summary.notebooks:
        style = _STYLES[result.status]
        mark, status = Text(_MARKS[result.status], style), Text(label(result.status), style)
        seconds = "" if result.status == "not_run" else f"{result.seconds:.1f}"
        notebooks.add_row(result.name, mark, status, seconds)
    console.print(notebooks)
    if summary.results:
        console.print()
        figures = Table("Key figure", "Value", box=None, pad_edge=False)
        for name, value in summary.results.items():
            figures.add_row(label(name), Text(format_figure(value, name), overflow="fold"))
        console.print(figures)
    console.print()
