"""``visionml api``: the APIs' own descriptions."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_json, print_pairs
from visionml.errors import InvalidInput

api = typer.Typer(name="api", help="The APIs.", no_args_is_help=True)


class Which(StrEnum):
    """An API of the platform."""

    INFERENCE = "inference"
    IMAGES = "images"


Named = Annotated[Which, typer.Option("--api", help="Which of the APIs.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; else the terminal.")
]
Anywhere = Annotated[
    bool, typer.Option("--anywhere", help="Leave out the address of this deployment.")
]


@api.callback()
def _commands() -> None:
    """Describe the APIs."""


@api.command()
def export(
    *,
    which: Named = Which.INFERENCE,
    output: Output = None,
    anywhere: Anywhere = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Export the OpenAPI document of a deployed API.

    Examples: `visionml api export`, `visionml api export --anywhere --output docs/openapi.json`,
    `visionml api export --api images`.
    """
    from visionml import workbench
    from visionml.desks.api_document import written

    session = workbench.open(environment)
    described = session.images.api if which is Which.IMAGES else session.api
    document = described.openapi(anywhere=anywhere)
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
