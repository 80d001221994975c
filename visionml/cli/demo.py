"""``visionml demo``: every notebook in order, against an embedded AWS or an account."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionml.cli.options import AsJson, Environment
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from visionml.runs.folder import RunFolder

Notebooks = Annotated[Path, typer.Option(help="The folder with the numbered notebooks.")]
Runs = Annotated[Path, typer.Option(help="The folder that gets this run's folder.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", help="A notebook parameter, such as epochs=12; repeatable."),
]


def demo(
    *,
    environment: Environment = "local",
    notebooks: Notebooks = Path("notebooks"),
    runs: Runs = Path("runs"),
    parameters: Parameters = None,
    as_json: AsJson = False,
) -> None:
    """Execute every notebook in order and leave runs/latest/index.html.

    The embedded AWS is started for it and stopped after it, unless it ran before.
    """
    from rich.console import Console

    from visionml.runs import display, folder, series, source
    from visionml.runs.execute import NotebookStopped

    console = Console(stderr=as_json)
    sources = source.notebooks(notebooks)
    given = dict(_pair(text) for text in parameters or [])
    source.chosen(sources, {**given, "environment": environment})
    made = folder.create(runs)
    try:
        with (
            _terminable(),
            _embedded_aws(console, needed=environment == "local"),
            display.display(console, sources) as shown,
        ):
            series.run(
                sources, environment=environment, folder=made, display=shown, parameters=given
            )
    except NotebookStopped as stopped:
        display.show_failure(console, stopped)
        raise
    finally:
        _tell(console, made, as_json=as_json)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to terminate end the demo like Ctrl-C: what it started is stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _embedded_aws(console: "Console", *, needed: bool) -> Iterator[None]:
    """Start the embedded AWS and stop it again, unless it runs already."""
    from visionml.local import control
    from visionml.local.state import Project
    from visionml.runs.display import stage

    project = Project.find()
    if not needed or control.status(project)["running"]:
        yield
        return
    try:
        with stage(console, "Starting the embedded AWS"):
            control.up(project)
        yield
    finally:
        with stage(console, "Stopping the embedded AWS"):
            control.down(project)


def _tell(console: "Console", made: "RunFolder", *, as_json: bool) -> None:
    from visionml.runs.display import show_summary

    summary = made.read()
    if summary is None:
        return
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
        return
    show_summary(console, summary)
    console.print(f"Look at {made.index}", soft_wrap=True, highlight=False)


def _pair(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InvalidInput(f"{text!r} is not a parameter.", hint="Write it as epochs=12.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
