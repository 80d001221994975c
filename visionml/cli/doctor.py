"""``visionml doctor``: whether everything is there."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from visionml.cli.options import AsJson, Environment, print_json
from visionml.errors import AccessDenied, MachineUnfit

if TYPE_CHECKING:
    from visionml.desks.machine_checks import Check

_MARKS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL", "unknown": "?   "}


def doctor(*, environment: Environment = "local", as_json: AsJson = False) -> None:
    """Check this computer, and the account of an environment, and say how to mend what is missing.

    For `local` no account is looked at. Ends with 0 when nothing is missing that is needed, 10 when
    this computer lacks something, 5 when only the account does. Warnings and what cannot be checked
    do not fail.

    Examples: `visionml doctor`, `visionml doctor --environment dev --json`.
    """
    from visionml.desks import doctor as desk

    here = desk.machine()
    there = _account(environment) if not desk.failed(here) else ()
    if as_json:
        print_json(
            {
                "computer": [asdict(check) for check in here],
                "account": [asdict(check) for check in there],
                "ready": not desk.failed((*here, *there)),
            }
        )
    else:
        _print("This computer", here)
        _print(f"The account of {environment}", there)
    if desk.failed(here):
        raise typer.Exit(MachineUnfit.exit_code)
    if desk.failed(there):
        raise typer.Exit(AccessDenied.exit_code)


def _account(environment: str) -> "tuple[Check, ...]":
    if environment == "local":
        return ()
    from visionml.contracts import settings
    from visionml.desks import doctor as desk

    wanted = settings.load(environment)
    return desk.account(desk.connect(wanted), wanted)


def _print(title: str, checks: "tuple[Check, ...]") -> None:
    if not checks:
        return
    typer.echo(f"\n{title}")
    width = max(len(check.name) for check in checks)
    for check in checks:
        typer.echo(f"  {_MARKS[check.status]}  {check.name:<{width}}  {check.found}")
        if check.fix:
            typer.echo(f"        {'':<{width}}  {check.fix}")
