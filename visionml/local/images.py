"""The images of the embedded ECR, as processes of this machine run them.

An image's file system holds what its Dockerfile copies, and its programs run with this project's
Python. The registry says where an image lies, so an image it does not have does not run.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from visionml.errors import NotFound
from visionml.local import ministack
from visionml.local.dockerfile import CONFIG_NOTE, ROOT_NOTE, inside

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*)(?::(?P<tag>[\w.-]+)|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image, as a process of this machine runs it; every path is this machine's."""

    root: Path
    """The folder that holds the image's file system."""
    workdir: Path
    environment: Mapping[str, str]
    """ENV, with this project's Python first on what was the base image's PATH."""
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


def resolve(uri: str) -> Image:
    """Return the image that a URI names, in the server's process.

    Raises
    ------
    NotFound
        The URI is not one of this account's and region's registry, or the registry lacks it.
    """
    match = _URI.fullmatch(uri)
    here = (ministack.account(), ministack.region())
    if match is None or (match["account"], match["region"]) != here:
        raise NotFound(f"The image {uri} is not in this account's registry.")
    manifest = ministack.image_manifest(match["repository"], match["tag"] or match["digest"])
    notes = manifest.get("annotations", {})
    if ROOT_NOTE not in notes or not Path(notes[ROOT_NOTE]).is_dir():
        raise NotFound(f"The image {uri} was pushed as layers, which cannot run here.")
    root, config = Path(notes[ROOT_NOTE]), json.loads(notes[CONFIG_NOTE])
    return Image(
        root,
        inside(root, config["workdir"]),
        {name: _mapped(value, root) for name, value in config["environment"].items()},
        tuple(_mapped(word, root) for word in config["entrypoint"]),
        tuple(_mapped(word, root) for word in config["command"]),
        config.get("labels", {}),
    )


def _mapped(value: str, root: Path) -> str:
    """Return a value with the paths that the image has, and PATH's end, made this machine's."""
    parts = []
    for part in value.split(os.pathsep):
        if part == "$PATH":
            parts += [str(Path(sys.executable).parent), _SYSTEM_PATH]
        elif part.startswith("/") and inside(root, part).exists():
            parts.append(str(inside(root, part)))
        else:
            parts.append(part)
    return os.pathsep.join(parts)
