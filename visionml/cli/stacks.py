"""``visionml synth``, ``diff``, ``deploy`` and ``destroy``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, print_pairs

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import TaskID

    from visionml.desks.stacks import OnProgress, Progress

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for templates and assets.")]
Bootstrap = Annotated[
    bool, typer.Option("--bootstrap", help="Prepare an account that the CDK was never used in.")
]
Fail = Annotated[bool, typer.Option("--fail", help="End with 1 when anything would change.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def synth(
    *, environment: Environment = "local", output: Output = Path("cdk.out"), as_json: AsJson = False
) -> None:
    """Write an environment's CloudFormation templates; needs no account and no network."""
    from visionml.cdk.synth import synthesise
    from visionml.contracts import settings

    assembly = synthesise(settings.load(environment), output, validate=True)
    stacks = [stack.stack_name for stack in assembly.stacks]
    print_pairs({"output": str(output), "stacks": stacks}, as_json=as_json)


def diff(
    *, environment: Environment = "local", fail: Fail = False, as_json: AsJson = False
) -> None:
    """Show what a deployment would change: added, replaced, removed, updated, permissions widened.

    Compares the templates that stand with the synthesised ones. A replaced resource is a new one,
    and the old one is deleted. Ends with 0; with --fail, with 1 when anything would change.

    Examples: `visionml diff`, `visionml diff --environment prod --fail --json`.
    """
    from visionml import workbench

    session = workbench.open(environment)
    if not as_json:
        typer.echo("Synthesising the templates ...", err=True)
    found = session.stacks.diff()
    if as_json:
        print_json(found.to_dict("records"))
    else:
        _print_diff(found)
    if fail and not found.empty:
        raise typer.Exit(1)


def _print_diff(found: "pd.DataFrame") -> None:
    if found.empty:
        typer.echo("A deployment would change nothing.")
    for kind in ("permissions widened", "removed", "replaced", "added", "updated"):
        rows = found[found["kind"] == kind]
        if len(rows):
            typer.echo(f"\n{kind} ({len(rows)})")
        for row in rows.to_dict("records"):
            typer.echo(f"  {row['stack']}/{row['resource']}  {row['type']}")
            if row["what"]:
                typer.echo(f"      {row['what']}")


def deploy(
    *,
    environment: Environment = "local",
    bootstrap: Bootstrap = False,
    as_json: AsJson = False,
) -> None:
    """Create or update an environment's stacks: on the embedded AWS, or in an account."""
    from visionml import workbench

    session = workbench.open(environment)
    with _shown(as_json=as_json) as tell:
        done = session.stacks.deploy(bootstrap=bootstrap, on_progress=tell)
    if as_json:
        stacks = done.stacks.to_dict(orient="records")
        print_json({"stacks": stacks, "changed": done.changed, "recorded": done.recorded})
        return
    print_frame(done.stacks, as_json=False, empty="No stack stands.")
    if done.recorded:
        typer.echo("\nThe embedded AWS only records these (docs/local-fidelity.md):")
        print_pairs(dict(done.recorded), as_json=False)


def destroy(
    *, environment: Environment = "local", yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete an environment's stacks; data that the environment retains is kept."""
    from visionml import workbench

    session = workbench.open(environment)
    if environment != workbench.LOCAL and not yes:
        typer.confirm(
            f"Delete every stack of {environment} in the account {session.aws.account}?",
            abort=True,
        )
    with _shown(as_json=as_json) as tell:
        left = session.stacks.destroy(on_progress=tell)
    print_frame(left, as_json=as_json, empty="Nothing is left.")


@contextmanager
def _shown(*, as_json: bool) -> "Iterator[OnProgress]":
    """Show a bar per stack on a terminal, lines elsewhere, nothing beside JSON."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from visionml.desks.stacks import told

    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield told((lambda _line: None) if as_json else typer.echo)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[line]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=console) as bars:
        waiting = bars.add_task("Synthesising", total=None, line="")

        def tell(progress: "Progress") -> None:
            bars.update(waiting, visible=False)
            if not progress.stack:
                bars.console.print(progress.line, markup=False, highlight=False)
                return
            if progress.stack not in tasks:
                tasks[progress.stack] = bars.add_task(progress.stack, line="")
            line = "" if progress.done == progress.total else progress.line
            bars.update(
                tasks[progress.stack], completed=progress.done, total=progress.total, line=line
            )

        yield tell
