"""Previews with sharp, in a process of its own: `make peers` installs it."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from visionml.cdk import node

SHARP = {"sharp": "cascade", "sharp a size": "sizes"}
_MODULES = Path(__file__).parents[1] / ".venv-peers" / "node_modules"
_PROGRAM = Path(__file__).with_name("sharp_previews.mjs")


@contextmanager
def sharp(data: bytes) -> Iterator[Mapping[str, Callable[[float], float]]]:
    """Give a function for each way of using sharp, if it is installed.

    It takes seconds, and returns how many images a second of processor time are made.
    """
    if not (_MODULES / "sharp").is_dir():
        yield {}
        return
    node.choose()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(data)
        yield {name: partial(_rate, photo, kind) for name, kind in SHARP.items()}


def _rate(photo: Path, kind: str, seconds: float) -> float:
    command = [os.environ.get("JSII_NODE", "node"), str(_PROGRAM)]
    command += [str(_MODULES.parent), str(photo), str(seconds), kind]
    return float(subprocess.check_output(command, timeout=120))
