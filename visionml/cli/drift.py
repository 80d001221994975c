"""``visionml drift``."""

from typing import Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, records

Look = Annotated[bool, typer.Option("--look", help="Look at the answers of the last hours now.")]
History = Annotated[bool, typer.Option("--history", help="Show all reports, not the newest.")]


def drift(
    *,
    look: Look = False,
    history: History = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Show whether what the model is asked, and answers, has drifted, and what moved."""
    from visionml import workbench

    session = workbench.open(environment)
    if look:
        session.drift.look()
    found = session.drift.history() if history else session.drift.now()
    if as_json:
        print_json(records(found))
    else:
        shown = found.drop(columns=["reason"])
        print_frame(shown, as_json=False, empty="Nobody has looked at the answers yet.")
