"""``visionml query``."""

from typing import Annotated, Any

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, records
from visionml.errors import InvalidInput

Sql = Annotated[str | None, typer.Argument(help="A query; :name stands for a parameter.")]
Saved = Annotated[str | None, typer.Option("--saved", help="The name of a saved query.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", help="name=text, or name:=number; repeat it for more."),
]
List = Annotated[bool, typer.Option("--list", help="Show the saved queries.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]


def query(
    sql: Sql = None,
    *,
    saved: Saved = None,
    param: Params = None,
    list_: List = False,
    environment: Environment = "local",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Ask about answers, truths, batch predictions and images, on Athena.

    What was read and how long it took goes to the error output.
    """
    from visionml import workbench

    if sum((sql is not None, saved is not None, list_)) != 1:
        raise InvalidInput("Give a query, --saved NAME, or --list.")
    session = workbench.open(environment)
    if list_:
        print_frame(session.queries.table(), as_json=as_json, empty="There are none.")
        return
    found = session.query(str(saved or sql), **parameters(param or []))
    if as_json:
        print_json(records(found))
    elif as_csv:
        typer.echo(found.to_csv(index=False), nl=False)
    else:
        print_frame(found, as_json=False, empty="The answer has no rows.")
    typer.echo(
        f"{found.attrs['bytes_scanned']:,} bytes scanned in {found.attrs['seconds']:.1f} s.",
        err=True,
    )


def parameters(given: list[str]) -> dict[str, Any]:
    """Return the values of ``name=text`` and ``name:=number``."""
    values: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        number = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name.isidentifier():
            raise InvalidInput(f"{each!r} is no parameter.", hint="Write --param name=value.")
        try:
            values[name] = (float(text) if "." in text else int(text)) if number else text
        except ValueError:
            raise InvalidInput(f"{name} is {text!r}, which is no number.") from None
    return values
