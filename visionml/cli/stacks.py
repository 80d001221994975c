"""``visionml synth``, ``diff``, ``deploy`` and ``destroy``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, print_pairs
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import TaskID

    from visionml.desks.stacks import OnProgress, Progress
    from visionml.workbench import Session

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
    """Delete an environment's stacks, and prove by listing that nothing is left that costs money.

    In an account it asks for the project's name first, unless --yes says so. Versioned buckets are
    emptied; data that the environment retains is kept. Done again after a deployment or a removal
    that failed half-way, it goes on from there. Ends with 1 when something is left that should
    not be.

    Examples: `visionml destroy`, `visionml destroy --environment dev`.
    """
    from visionml import workbench

    session = workbench.open(environment)
    if environment != workbench.LOCAL and not yes:
        _confirm(session)
    with _shown(as_json=as_json) as tell:
        left = session.stacks.destroy(on_progress=tell)
    remaining = session.stacks.remaining()
    unexpected = session.stacks.unexpected(remaining)
    retained = remaining.drop(unexpected.index)
    if as_json:
        frames = {"stacks": left, "retained": retained, "unexpected": unexpected}
        print_json({name: frame.to_dict("records") for name, frame in frames.items()})
    else:
        print_frame(left, as_json=False, empty="No stack is left.")
        if len(retained):
            typer.echo(f"\nRetained on purpose, and still paid for ({len(retained)}):")
            print_frame(retained, as_json=False, empty="")
        print_frame(unexpected, as_json=False, empty="Nothing else is left that costs money.")
    if len(left) or len(unexpected):
        raise typer.Exit(1)


def _confirm(session: "Session") -> None:
    """Let a person type the project's name; anything else ends the command."""
    settings = session.settings
    kept = "its data is kept" if settings.retain_data else "ITS DATA IS DELETED"
    typer.echo(
        f"This deletes every stack of {settings.environment} in the account {session.aws.account};"
        f" {kept}.",
        err=True,
    )
    typed = typer.prompt(f"Type the project's name ({settings.project}) to go on", err=True)
    if typed.strip() != settings.project:
        raise InvalidInput(
            f"{typed!r} is not the project's name; nothing was deleted.",
            hint=f"Type {settings.project}, or give --yes.",
        )


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
