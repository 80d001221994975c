"""``visionml stream``: how the stream of requests is doing, and sending records again."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

import typer

from visionml.cli.options import AsJson, Environment, print_json, print_pairs
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from visionml.serving.replay import Replayed

_INTERRUPTED = 130
_SHOWN = 10

stream = typer.Typer(name="stream", help="Requests and events in Kinesis.", no_args_is_help=True)


@stream.callback()
def _commands() -> None:
    """Look at the streams, and send records again."""


@stream.command()
def status(*, environment: Environment = "local", as_json: AsJson = False) -> None:
    """Show shards, age, what is pending and how many failures were told of."""
    from visionml import workbench

    print_pairs(dict(workbench.open(environment).streams.status().rows), as_json=as_json)


@stream.command()
def replay(
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="A moment in UTC, such as 2026-11-20T10:15.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="A moment in UTC; else now.")] = None,
    kind: Annotated[
        Literal["requests", "events"], typer.Option("--stream", help="requests or events.")
    ] = "requests",
    failed: Annotated[
        bool, typer.Option("--failed", help="Send what the queue of failures tells of.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Send records again that have not ended well; what did is left alone.

    Interrupted, the same command goes on. Exit code 1 says that some cannot be sent again.
    """
    from visionml import workbench

    if failed == bool(since):
        raise InvalidInput("Which records?", hint="Give either --from or --failed.")
    streams = workbench.open(environment).streams
    more: dict[str, int] = {}
    try:
        with _Bar(shown=not as_json) as bar:
            if since:
                told = streams.replay(
                    since, until, kind=kind, dry_run=dry_run, on_progress=bar.update
                )
            else:
                answered = streams.replay_failed(dry_run=dry_run, on_progress=bar.update)
                told = answered.replayed
                more = {"messages": answered.messages, "gone": answered.gone}
    except KeyboardInterrupt:
        typer.echo("Interrupted: the same command goes on where this one stopped.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _tell(told, more, dry_run=dry_run, as_json=as_json)
    if told.failed or more.get("gone"):
        raise typer.Exit(1)


def _tell(told: "Replayed", more: dict[str, int], *, dry_run: bool, as_json: bool) -> None:
    counts = {
        "read": told.read,
        "new": told.new,
        "failed before": told.again,
        "skipped": told.skipped,
        "cannot be sent": told.failed,
        **more,
    }
    if as_json:
        keyed = {name.replace(" ", "_"): value for name, value in counts.items()}
        print_json({**keyed, "dry_run": dry_run, "reasons": told.reasons})
        return
    print_pairs(counts, as_json=False)
    for position, reason in list(told.reasons.items())[:_SHOWN]:
        typer.echo(f"{position}: {reason}", err=True)
    if dry_run:
        typer.echo("Nothing was sent: this was a dry run.")


class _Bar:
    """A progress bar on the error stream."""

    def __init__(self, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True, disable=not shown)
        self._task = self._bar.add_task("Reading", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Take how much is done."""
        self._bar.update(self._task, completed=done, total=total)
