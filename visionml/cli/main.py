"""``visionml``: the platform from the command line.

Commands import what they use when they run, so that the command line itself starts at once.
"""

import json
import sys

import typer

from visionml.cli.api import api
from visionml.cli.batch import batch
from visionml.cli.check import check
from visionml.cli.datasets import dataset
from visionml.cli.demo import demo
from visionml.cli.deployments import deployments, promote, rollback, traffic
from visionml.cli.doctor import doctor
from visionml.cli.drift import drift
from visionml.cli.economy import budget, capacity, cost
from visionml.cli.images import forget, images, upload
from visionml.cli.local import local
from visionml.cli.models import evaluate, lineage, predict
from visionml.cli.query import query
from visionml.cli.security import security
from visionml.cli.stacks import deploy, destroy, diff, synth
from visionml.cli.stream import stream
from visionml.cli.training import train
from visionml.errors import VisionmlError

app = typer.Typer(
    name="visionml",
    help="A production vision ML platform on AWS whose CloudFormation also runs on a laptop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(rich_help_panel="On this computer")(demo)
app.command(rich_help_panel="On this computer")(doctor)
app.add_typer(local, rich_help_panel="On this computer")
app.command(rich_help_panel="The stacks")(synth)
app.command(rich_help_panel="The stacks")(check)
app.command(rich_help_panel="The stacks")(diff)
app.command(rich_help_panel="The stacks")(deploy)
app.command(rich_help_panel="The stacks")(destroy)
app.command(rich_help_panel="The stacks")(cost)
app.command(rich_help_panel="The stacks")(capacity)
app.command(rich_help_panel="The stacks")(budget)
app.add_typer(security, rich_help_panel="The stacks")
app.command(rich_help_panel="Images")(upload)
app.add_typer(images, rich_help_panel="Images")
app.command(rich_help_panel="Images")(forget)
app.add_typer(dataset, rich_help_panel="Models")
app.command(rich_help_panel="Models")(train)
app.command(rich_help_panel="Models")(evaluate)
app.command(rich_help_panel="Models")(promote)
app.command(rich_help_panel="Models")(rollback)
app.command(rich_help_panel="Models")(traffic)
app.command(rich_help_panel="Models")(deployments)
app.command(rich_help_panel="Models")(predict)
app.add_typer(api, rich_help_panel="Models")
app.add_typer(stream, rich_help_panel="Models")
app.add_typer(batch, rich_help_panel="Models")
app.command(rich_help_panel="Models")(lineage)
app.command(rich_help_panel="Results")(query)
app.command(rich_help_panel="Results")(drift)


def main() -> None:
    """Run a command and exit; an error made on purpose is a sentence, not a traceback."""
    try:
        app()
    except VisionmlError as error:
        _tell(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)


def _tell(error: VisionmlError, *, as_json: bool) -> None:
    if as_json:
        told = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        sys.stderr.write(f"{json.dumps(told)}\n")
    else:
        sys.stderr.write(f"Error: {error}\n")
