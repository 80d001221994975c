"""Lambda functions from container images: the image's own program, over Lambda's Runtime API.

The program is started as a process of this machine and asks the Runtime API for invocations, as
AWS's runtime interface client does.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from visionml.local import ministack
from visionml.local.dockerfile import inside
from visionml.local.images import Image, resolve

_OF_THE_SERVER = ("PYTHONPATH", "PYTHONHOME")
"""Variables of the embedded AWS itself that would change what an image's program imports."""


def install(endpoint_url: str) -> None:
    """Run functions whose package is an image; their clients are sent to an endpoint."""
    usual = {"AWS_ENDPOINT_URL": endpoint_url}
    ministack.run_image_functions(
        lambda uri, config, variables: bootstrap(resolve(uri), config, {**usual, **variables})
    )


def bootstrap(image: Image, config: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Return the shell program that becomes an image's program.

    `config` is the function's ``ImageConfig``: EntryPoint, Command and WorkingDirectory go before
    the image's. `variables` are the function's; they go before the image's too.
    """
    workdir = config.get("WorkingDirectory")
    folder = inside(image.root, workdir) if workdir else image.workdir
    exports = {**image.environment, **variables}
    program = [*(config.get("EntryPoint") or image.entrypoint)]
    program += config.get("Command") or image.command
    return "\n".join(
        [
            "#!/bin/sh",
            f"unset {' '.join(_OF_THE_SERVER)}",
            *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
            f"cd {shlex.quote(str(folder))} || exit 1",
            f"exec {shlex.join(program)}",
            "",
        ]
    )
