"""Options that commands share, and how results are printed."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

Environment = Annotated[
    str, typer.Option("--environment", "-e", help="local, dev, staging, prod or your own.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def progress(*, as_json: bool) -> Callable[[str], None]:
    """Return what takes lines of progress: the terminal, or nobody when the output is JSON."""
    return (lambda _line: None) if as_json else typer.echo


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_pairs(values: dict[str, Any], *, as_json: bool) -> None:
    """Print named values."""
    if as_json:
        print_json(values)
        return
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {value}")


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows as JSON has them, with the index if it has a name."""
    named = frame.index.name is not None
    text = frame.reset_index(drop=not named).to_json(orient="records", date_format="iso")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def print_frame(frame: "pd.DataFrame", *, as_json: bool, empty: str) -> None:
    """Print a table; `empty` is what to say when it has no rows."""
    if as_json:
        print_json(json.loads(frame.reset_index(drop=False).to_json(orient="records")))
    elif frame.empty:
        typer.echo(empty)
    else:
        named = frame.index.name is not None
        typer.echo(frame.to_string(index=named, max_colwidth=60))
