"""A Dockerfile without Docker: what it copies and sets, applied to a folder.

RUN steps are skipped, since what they would install is installed here already; what else cannot
be done without Docker is refused.
"""

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from visionml.errors import InvalidInput

MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
ROOT_NOTE = "org.visionml.local.root"
"""The annotation of a manifest that says where the image's file system lies."""
CONFIG_NOTE = "org.visionml.local.config"
"""The annotation that holds what `build` returned."""
_SKIPPED = {"FROM", "RUN", "ARG", "EXPOSE", "USER", "HEALTHCHECK", "SHELL", "STOPSIGNAL"}


@dataclass
class Recipe:
    """What a Dockerfile says, in the container's paths."""

    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    copies: list[tuple[str, str]] = field(default_factory=list)
    """(source in the context, destination); a destination that ends with / is a folder."""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def parse(dockerfile: str) -> Recipe:
    """Read a Dockerfile's last stage.

    Raises
    ------
    InvalidInput
        It does what cannot be done without Docker: an unknown instruction, or a copy from
        another stage or the network.
    """
    recipe = Recipe()
    for instruction, rest in _instructions(dockerfile):
        if instruction == "FROM":
            recipe = Recipe()
        elif instruction == "WORKDIR":
            recipe.workdir = _absolute(_expand(rest, recipe.environment), recipe.workdir)
        elif instruction == "ENV":
            recipe.environment |= _assignments(rest, recipe.environment)
        elif instruction == "LABEL":
            recipe.labels |= _assignments(rest, recipe.environment)
        elif instruction in {"COPY", "ADD"}:
            recipe.copies += _copies(rest, recipe)
        elif instruction == "ENTRYPOINT":
            recipe.entrypoint = _words(rest)
        elif instruction == "CMD":
            recipe.command = _words(rest)
        elif instruction not in _SKIPPED:
            raise InvalidInput(f"The Dockerfile's instruction {instruction} is not understood.")
    return recipe


def build(context: Path, dockerfile: str, root: Path) -> dict[str, Any]:
    """Lay out an image's file system under `root` and return its configuration.

    Raises
    ------
    InvalidInput
        The Dockerfile cannot be followed, or copies what the context does not have.
    """
    recipe = parse(_text(context / dockerfile))
    for source, destination in recipe.copies:
        _copy(context, source, inside(root, destination), into=destination.endswith("/"))
    inside(root, recipe.workdir).mkdir(parents=True, exist_ok=True)
    return {
        "workdir": recipe.workdir,
        "environment": recipe.environment,
        "labels": recipe.labels,
        "entrypoint": recipe.entrypoint,
        "command": recipe.command,
    }


def inside(root: Path, path: str) -> Path:
    """Return where a container's path lies on this machine."""
    return root / path.lstrip("/")


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction.upper(), rest.strip()


def _assignments(rest: str, known: Mapping[str, str]) -> dict[str, str]:
    words = shlex.split(rest)
    if "=" not in words[0]:  # the old form: ENV NAME the value
        name, _, value = rest.partition(" ")
        return {name: _expand(value.strip(), known)}
    return {
        name: _expand(value, known) for name, _, value in (word.partition("=") for word in words)
    }


def _expand(value: str, known: Mapping[str, str]) -> str:
    """Replace ``$NAME`` and ``${NAME}``; PATH stays as it is unless the image set it."""

    def replacement(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"]
        return known.get(name, "$PATH" if name == "PATH" else "")

    return re.sub(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))", replacement, value)


def _copies(rest: str, recipe: Recipe) -> list[tuple[str, str]]:
    words = _words(rest) if rest.startswith("[") else shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    *sources, destination = [word for word in words if not word.startswith("--")]
    remote = any(source.startswith(("http://", "https://", "git@")) for source in sources)
    if remote or any(option.startswith("--from") for option in options):
        raise InvalidInput(f"The Dockerfile copies from outside its context: {rest}.")
    slash = "/" if destination.endswith("/") or len(sources) > 1 else ""
    target = _absolute(_expand(destination, recipe.environment), recipe.workdir).rstrip("/") + slash
    return [(source, target) for source in sources]


def _words(rest: str) -> list[str]:
    if rest.startswith("["):
        return [str(word) for word in json.loads(rest)]
    return ["/bin/sh", "-c", rest]


def _absolute(path: str, workdir: str) -> str:
    return str(PurePosixPath(workdir) / path)


def _text(dockerfile: Path) -> str:
    try:
        return dockerfile.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput(f"There is no Dockerfile at {dockerfile}.") from None


def _copy(context: Path, source: str, target: Path, *, into: bool) -> None:
    pattern = os.path.normpath(source.lstrip("/"))
    if pattern.startswith(".."):
        raise InvalidInput(f"The Dockerfile copies from outside its context: {source}.")
    found = [context] if pattern == "." else list(context.glob(pattern))
    if not found:
        raise InvalidInput(f"The Dockerfile copies {source}, which {context} does not have.")
    for path in found:
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True, symlinks=True)
        else:
            place = target / path.name if into or target.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
