"""``visionml api``: the inference API's own description."""

from pathlib import Path
from typing import Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_json, print_pairs
from visionml.errors import InvalidInput

api = typer.Typer(name="api", help="The inference API.", no_args_is_help=True)

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; else the terminal.")
]
Anywhere = Annotated[
    bool, typer.Option("--anywhere", help="Leave out the address of this deployment.")
]


@api.callback()
def _commands() -> None:
    """Describe the inference API."""


@api.command()
def export(
    *,
    output: Output = None,
    anywhere: Anywhere = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Export the OpenAPI document of the deployed API.

    Examples: `visionml api export`, `visionml api export --anywhere --output docs/openapi.json`.
    """
    from visionml import workbench
    from visionml.desks.api_document import written

    document = workbench.open(environment).api.openapi(anywhere=anywhere)
    if output is None:
        print_json(document)
        return
    try:
        output.write_text(written(document), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{output} cannot be written: {error.strerror}.", hint="Name a file in a folder."
        ) from error
    print_pairs({"output": str(output), "paths": len(document["paths"])}, as_json=as_json)
