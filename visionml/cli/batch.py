"""``visionml batch``: predict many images at once, look at runs, and go on with one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import (
    AsJson,
    Environment,
    print_json,
    print_pairs,
    progress,
    records,
)
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from visionml.contracts.batch import BatchMethod
    from visionml.desks.batches import BatchRun

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
Wait = Annotated[bool, typer.Option(help="Wait until the run has ended.")]
_METHODS: "tuple[BatchMethod, ...]" = ("endpoint", "model", "transform")

batch = typer.Typer(name="batch", help="Predictions of many images.", no_args_is_help=True)


@batch.callback()
def _commands() -> None:
    """Predict the images of a prefix, on AWS Batch."""


@batch.command()
def run(
    prefix: Annotated[
        str | None, typer.Argument(help="Of the images in the bucket, such as batch/mine/.")
    ] = None,
    *,
    put: Annotated[
        Path | None, typer.Option(help="Write this folder's files below batch/ first.")
    ] = None,
    bucket: Annotated[str, typer.Option(help="raw or images.")] = "raw",
    method: Annotated[
        str | None, typer.Option(help="endpoint, model or transform; else the environment's.")
    ] = None,
    model_version: Annotated[
        str | None, typer.Option(help="For model and transform; else that in production.")
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="An id of your own.")] = None,
    wait: Wait = True,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Start a run; the same id again goes on with it. Exit code 1: parts are missing."""
    from visionml import workbench
    from visionml.desks.batches import new_batch_id

    if (prefix is None) == (put is None):
        raise InvalidInput("Which images?", hint="Give either a prefix or --put FOLDER.")
    name = run_id or new_batch_id()
    desk = workbench.open(environment, say=progress(as_json=as_json)).batch
    where = prefix if prefix is not None else desk.put(put or Path(), folder=name)
    started = desk.run(
        where,
        bucket=bucket,
        method=_method(method),
        model_version=model_version,
        run_id=name,
    )
    _follow(started, wait=wait, as_json=as_json)


@batch.command()
def resume(
    run_id: Run, *, wait: Wait = True, environment: Environment = "local", as_json: AsJson = False
) -> None:
    """Go on with a run: only its missing parts run again."""
    from visionml import workbench

    desk = workbench.open(environment, say=progress(as_json=as_json)).batch
    _follow(desk.resume(run_id), wait=wait, as_json=as_json)


@batch.command()
def status(run_id: Run, *, environment: Environment = "local", as_json: AsJson = False) -> None:
    """Show how far a run is."""
    from visionml import workbench

    card = workbench.open(environment).batch.open(run_id).status()
    print_pairs({"run": run_id, **card.rows}, as_json=as_json)


@batch.command("list")
def list_(*, environment: Environment = "local", as_json: AsJson = False) -> None:
    """List the runs that are kept, the newest first."""
    from visionml import workbench

    table = workbench.open(environment).batch.table()
    if as_json:
        print_json(records(table))
    elif table.empty:
        typer.echo("There are no batch runs.")
    else:
        typer.echo(table.to_string())


def _method(text: str | None) -> "BatchMethod | None":
    for known in _METHODS:
        if text == known:
            return known
    if text is None:
        return None
    raise InvalidInput(f"There is no method {text!r}.", hint=f"Use one of: {', '.join(_METHODS)}.")


def _follow(started: "BatchRun", *, wait: bool, as_json: bool) -> None:
    if not wait:
        print_pairs({"run": started.run_id, "status": "started"}, as_json=as_json)
        return
    outcome = started.watch()
    if as_json:
        print_json(outcome.summary.model_dump(mode="json"))
    else:
        print_pairs({"run": started.run_id, **outcome.rows}, as_json=False)
