"""Walk a folder per class; every file is either an image that decodes or refused with a reason."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from visionml.contracts.dataset import RefusedImage
from visionml.errors import DatasetInvalid, ImageRefused
from visionml.imaging.inspect import ImageFacts, Limits, inspect

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total), from one thread; stages are ``validate`` and ``upload``."""

_LAYOUT_HINT = "Put the images into one folder per class, such as photos/cat/1.jpg."
_AT_ONCE = 256  # files handed to the threads together: bounds memory at any size of set


@dataclass(frozen=True)
class ScannedImage:
    """An accepted file; ``file`` is its path below the class folder, with slashes."""

    path: Path
    label: str
    file: str
    sha256: str
    bytes: int
    facts: ImageFacts


@dataclass(frozen=True)
class Scan:
    """Every file of the folder, sorted by path, on one side or the other."""

    images: tuple[ScannedImage, ...]
    refused: tuple[RefusedImage, ...]


def scan(source: Path, *, limits: Limits, on_progress: Progress | None = None) -> Scan:
    """Validate every file below `source`, whose folders are the classes.

    Hidden files are passed over. Of files with equal content, the first by path is kept when they
    carry one label; when they carry several, none is, since nobody knows which label is right.

    Raises
    ------
    DatasetInvalid
        The folder does not exist, holds no class folders, or holds no acceptable image; or
        every image of one class was refused.
    """
    files = _files(source)
    accepted: list[ScannedImage] = []
    refused: list[RefusedImage] = []
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="scan") as pool:
        for start in range(0, len(files), _AT_ONCE):
            batch = files[start : start + _AT_ONCE]
            for result in pool.map(lambda path: _examine(path, source, limits), batch):
                if isinstance(result, ScannedImage):
                    accepted.append(result)
                else:
                    refused.append(result)
            if on_progress:
                on_progress("validate", start + len(batch), len(files))
    unique, repeated = _unique(accepted, source)
    refused = sorted([*refused, *repeated], key=lambda item: item.file)
    _check_classes(source, {image.label for image in unique}, refused)
    return Scan(tuple(unique), tuple(refused))


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        raise DatasetInvalid(f"The folder {source} does not exist.", hint=_LAYOUT_HINT)
    files = sorted(
        path
        for path in source.rglob("*")
        if path.is_file() and not _hidden(path.relative_to(source))
    )
    if not files:
        raise DatasetInvalid(f"The folder {source} holds no files.", hint=_LAYOUT_HINT)
    if all(path.parent == source for path in files):
        raise DatasetInvalid(
            f"The folder {source} holds files but no class folders.", hint=_LAYOUT_HINT
        )
    return files


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _examine(path: Path, source: Path, limits: Limits) -> ScannedImage | RefusedImage:
    relative = path.relative_to(source)
    name = relative.as_posix()
    try:
        name.encode()
        if len(relative.parts) == 1:
            return _refused(name, "unsupported", "It lies outside of every class folder.")
        if path.stat().st_size > limits.bytes:
            detail = f"It has {path.stat().st_size} bytes; the limit is {limits.bytes}."
            return _refused(name, "too_many_bytes", detail)
        data = path.read_bytes()
        facts = inspect(data, limits)
    except ImageRefused as error:
        return _refused(name, error.reason, error.message)
    except UnicodeEncodeError:
        return _refused(name, "unsupported", "Its name is not valid UTF-8.")
    except OSError as error:
        return _refused(name, "unreadable", f"It cannot be read: {error.strerror}.")
    label, *rest = relative.parts
    digest = hashlib.sha256(data).hexdigest()
    return ScannedImage(path, label, "/".join(rest), digest, len(data), facts)


def _refused(name: str, reason: str, detail: str) -> RefusedImage:
    printable = name.encode(errors="backslashreplace").decode()
    return RefusedImage(file=printable, reason=reason, detail=detail)


def _unique(
    images: Sequence[ScannedImage], source: Path
) -> tuple[list[ScannedImage], list[RefusedImage]]:
    by_content: defaultdict[str, list[ScannedImage]] = defaultdict(list)
    for image in images:
        by_content[image.sha256].append(image)
    unique = []
    refused: list[RefusedImage] = []
    for same in by_content.values():
        if len({image.label for image in same}) > 1:
            refused.extend(_conflicting(same, source))
            continue
        first, *others = same
        unique.append(first)
        detail = f"It has the same content as {_name(first, source)}."
        refused.extend(_refused(_name(other, source), "duplicate", detail) for other in others)
    return unique, refused


def _conflicting(same: Sequence[ScannedImage], source: Path) -> Iterator[RefusedImage]:
    labels = ", ".join(sorted({image.label for image in same}))
    for image in same:
        detail = f"The same content carries several labels: {labels}."
        yield _refused(_name(image, source), "conflicting_label", detail)


def _name(image: ScannedImage, source: Path) -> str:
    return image.path.relative_to(source).as_posix()


def _check_classes(source: Path, labels: set[str], refused: Sequence[RefusedImage]) -> None:
    if not labels:
        first = refused[0]
        raise DatasetInvalid(
            f"The folder {source} holds no acceptable image: {len(refused)} files were refused, "
            f"the first of them {first.file}: {first.detail}",
            hint=_LAYOUT_HINT,
        )
    for item in refused:
        label, nested, _ = item.file.partition("/")
        # a folder with nothing but foreign files, such as notes, was never meant as a class
        if nested and item.reason != "unsupported" and label not in labels:
            raise DatasetInvalid(
                f"The class {label!r} has no acceptable image left: {item.file}: {item.detail}",
                hint="Mend or add images, or take the folder out.",
            )
