"""The files that people mean when they name files and folders."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visionml.errors import InvalidInput

_KINDS = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISBLK, "device"))
_Folder = tuple[int, int]
"""What tells a folder from others, however it is called: device and inode."""


@dataclass(frozen=True)
class Problem:
    """Something that was named, or lies in a folder that was, and is no readable file."""

    path: str
    sentence: str


@dataclass(frozen=True)
class Found:
    """What there is, sorted by name within each folder; a file comes once."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def find(paths: Iterable[Path | str]) -> Found:
    """Return the files that are named and those below the folders that are named.

    Links are followed, except one to a folder above it. Below a folder, hidden files are passed
    over.

    Raises
    ------
    InvalidInput
        Nothing is named.
    """
    named = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    if not named:
        raise InvalidInput("No file is named.", hint="Name files or folders.")
    everything = [each for path in named for each in _at(path, ())]
    files = dict.fromkeys(each for each in everything if isinstance(each, Path))
    return Found(tuple(files), tuple(each for each in everything if isinstance(each, Problem)))


def _at(path: Path, above: Sequence[_Folder]) -> Iterator[Path | Problem]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        what = "It is a link to nothing." if path.is_symlink() else "It does not exist."
        yield Problem(_name(path), what)
    except (OSError, ValueError) as error:
        yield Problem(_name(path), f"It cannot be read: {told(error)}.")
    else:
        if stat.S_ISREG(facts.st_mode):
            yield path
        elif not stat.S_ISDIR(facts.st_mode):
            kind = next((name for is_one, name in _KINDS if is_one(facts.st_mode)), "device")
            yield Problem(_name(path), f"It is a {kind}, not a file.")
        elif (facts.st_dev, facts.st_ino) in above:
            yield Problem(_name(path), "It is a link to a folder above it.")
        else:
            yield from _below(path, (*above, (facts.st_dev, facts.st_ino)))


def _below(folder: Path, above: Sequence[_Folder]) -> Iterator[Path | Problem]:
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names alone
    except OSError as error:
        yield Problem(_name(folder), f"It cannot be read: {told(error)}.")
        return
    if not names:
        yield Problem(_name(folder), "It is a folder without files.")
    for name in names:
        yield from _at(folder / name, above)


def told(error: OSError | ValueError) -> str:
    """Return what an operating system says of a file, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _name(path: Path) -> str:
    """Return a path that every terminal and table takes."""
    return str(path).encode(errors="backslashreplace").decode()
