"""``visionml security``: what roles may do, and what they were seen doing."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_json

if TYPE_CHECKING:
    from visionml.guardrails.grants import Grants

security = typer.Typer(
    name="security", help="What the environment's roles may do.", no_args_is_help=True
)

Every = Annotated[
    bool, typer.Option("--all", help="List the grants whose reason is known as well.")
]


@security.command()
def grants(
    *, environment: Environment = "local", every: Every = False, as_json: AsJson = False
) -> None:
    """Set the record of calls against the policies of the roles; 1 when something is amiss."""
    from visionml import workbench

    found = workbench.open(environment).security.grants().grants
    if as_json:
        print_json({**asdict(found), "iam": found.figure, "clean": found.clean})
    else:
        _print(found, every=every)
    if not found.clean:
        raise typer.Exit(1)


def _print(found: "Grants", *, every: bool) -> None:
    if found.recorded:
        _print_record(found, every=every)
    else:
        typer.echo("An account keeps no record: IAM Access Analyzer finds unused access there.")
    missing = [each for each in found.wildcards if not each.because]
    typer.echo(f"Wildcards: {len(found.wildcards)}, of which without a reason: {len(missing)}")
    for wildcard in found.wildcards if every else missing:
        because = f": {wildcard.because}" if wildcard.because else ""
        typer.echo(f"  {wildcard.role} {', '.join(wildcard.actions)} {wildcard.resource}{because}")


def _print_record(found: "Grants", *, every: bool) -> None:
    typer.echo(f"Denied: {len(found.denied)}")
    for denied in found.denied:
        where = f"{denied.role} {denied.action} {denied.resource}"
        typer.echo(f"  {where} ({denied.count} times)")
    typer.echo(
        f"Granted and used: {found.used}; granted and never used: {len(found.unused)}, "
        f"of which nobody says why: {len(found.unexplained)}"
    )
    for unused in found.unused if every else found.unexplained:
        because = f": {unused.because}" if unused.because else ""
        typer.echo(f"  {unused.role} {unused.action} {unused.resource}{because}")
