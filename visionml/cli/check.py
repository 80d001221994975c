"""``visionml check``: the guardrail checks."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_json

if TYPE_CHECKING:
    from visionml.guardrails.check import Finding

Live = Annotated[bool, typer.Option("--live", help="Look at what stands in the account as well.")]


def check(
    *, environment: Environment = "local", live: Live = False, as_json: AsJson = False
) -> None:
    """Look for mistakes in settings and templates that AWS would let pass; 1 when there are any."""
    from visionml.contracts import settings
    from visionml.desks.guardrails import planned

    found = planned(settings.load(environment))
    if live:
        from visionml import workbench

        found += workbench.open(environment).guardrails.standing()
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        _print(found)
    if found:
        raise typer.Exit(1)


def _print(found: "list[Finding]") -> None:
    if not found:
        typer.echo("No check found anything.")
    for finding in found:
        typer.echo(f"{finding.check}\n  {finding.where}: {finding.what}\n  {finding.advice}")
