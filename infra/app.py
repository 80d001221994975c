"""Synthesise the stacks of one environment.

From the repository root::

    python -m infra.app -c environment=dev -c images_per_day=1000000 --output cdk.out

or through the CDK command line, from this folder: ``cdk synth -c environment=dev``. Every context
key other than ``environment`` and CDK's own overrides the setting of that dotted name.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from visionml.cdk.synth import synthesise
from visionml.contracts import settings
from visionml.errors import SettingsInvalid, VisionmlError


def main(arguments: list[str] | None = None) -> int:
    """Synthesise and return the exit code."""
    parser = argparse.ArgumentParser(prog="infra.app", description="Synthesise the stacks.")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="KEY=VALUE", help="context value"
    )
    parser.add_argument(
        "-o", "--output", default=os.environ.get("CDK_OUTDIR", "cdk.out"), help="output folder"
    )
    given = parser.parse_args(arguments)
    try:
        context = {**_cdk_context(), **dict(_pair(text) for text in given.context)}
        environment = str(context.pop("environment", "local"))
        synthesise(settings.load(environment, context), Path(given.output), validate=True)
    except VisionmlError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return error.exit_code
    return 0


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise SettingsInvalid(
            f"The context {text!r} is not of the form KEY=VALUE.",
            hint="Give for example `-c environment=dev`.",
        )
    return key, value


def _cdk_context() -> dict[str, object]:
    """Return what the CDK command line passes on, without the keys that are its own."""
    context: dict[str, object] = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    return {key: value for key, value in context.items() if not set(key) & set("@:/")}


if __name__ == "__main__":
    sys.exit(main())
