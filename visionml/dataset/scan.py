"""Look at every file of a source: it is an image that decodes, or refused with a reason."""

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from visionml.contracts.dataset import RefusedImage
from visionml.dataset.sources import LAYOUT_HINT, File, Source
from visionml.errors import DatasetInvalid, ImageRefused
from visionml.imaging.inspect import ImageFacts, Limits, inspect

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total), from one thread; stages are ``validate`` and ``upload``."""

_AT_ONCE = 256  # files handed to the threads together: bounds memory at any size of set
_THREADS = 16  # a source may lie in S3
_DECODING = threading.BoundedSemaphore(os.cpu_count() or 1)  # bounds memory too
_LABEL_CHARACTERS = 128


@dataclass(frozen=True)
class ScannedImage:
    """An accepted file."""

    file: File
    label: str
    sha256: str
    bytes: int
    facts: ImageFacts


@dataclass(frozen=True)
class Scan:
    """Every file of the source, sorted by name, on one side or the other."""

    images: tuple[ScannedImage, ...]
    refused: tuple[RefusedImage, ...]


@dataclass(frozen=True)
class _Refusal:
    file: File
    reason: str
    detail: str

    def record(self) -> RefusedImage:
        return RefusedImage(file=_printable(self.file), reason=self.reason, detail=self.detail)


def scan(source: Source, *, limits: Limits, on_progress: Progress | None = None) -> Scan:
    """Validate every file of `source`.

    Of files with equal content, the first by name is kept when they carry one label; when they
    carry several, none is, since nobody knows which label is right.

    Raises
    ------
    DatasetInvalid
        The source holds no acceptable image, or every image of one class was refused.
    """
    files = source.files
    accepted: list[ScannedImage] = []
    refused: list[_Refusal] = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="scan") as pool:
        for start in range(0, len(files), _AT_ONCE):
            batch = files[start : start + _AT_ONCE]
            for result in pool.map(lambda file: _examine(file, limits), batch):
                if isinstance(result, ScannedImage):
                    accepted.append(result)
                else:
                    refused.append(result)
            if on_progress:
                on_progress("validate", start + len(batch), len(files))
    unique, repeated = _unique(accepted)
    refused = sorted([*refused, *repeated], key=lambda item: item.file.name)
    _check_classes(source, {image.label for image in unique}, refused)
    return Scan(tuple(unique), tuple(item.record() for item in refused))


def _examine(file: File, limits: Limits) -> ScannedImage | _Refusal:
    try:
        file.name.encode()
        if file.label is None:
            return _Refusal(file, "unsupported", "It lies outside of every class.")
        fault = _label_fault(file.label)
        if fault:
            return _Refusal(file, "bad_label", fault)
        data = file.read(limits.bytes)
        with _DECODING:
            facts = inspect(data, limits)
    except ImageRefused as error:
        return _Refusal(file, error.reason, error.message)
    except UnicodeEncodeError:
        return _Refusal(file, "unsupported", "Its name is not valid UTF-8.")
    except OSError as error:
        return _Refusal(file, "unreadable", f"It cannot be read: {error.strerror}.")
    return ScannedImage(file, file.label, hashlib.sha256(data).hexdigest(), len(data), facts)


def _label_fault(label: str) -> str | None:
    if len(label) > _LABEL_CHARACTERS:
        return f"Its label has {len(label)} characters; the limit is {_LABEL_CHARACTERS}."
    if label in {".", ".."} or "/" in label or not label.isprintable():
        return f"Its label {label!r} cannot be part of an S3 key."
    return None


def _unique(
    images: Sequence[ScannedImage],
) -> tuple[list[ScannedImage], list[_Refusal]]:
    by_content: defaultdict[str, list[ScannedImage]] = defaultdict(list)
    for image in images:
        by_content[image.sha256].append(image)
    unique = []
    refused: list[_Refusal] = []
    for same in by_content.values():
        if len({image.label for image in same}) > 1:
            refused.extend(_conflicting(same))
            continue
        first, *others = same
        unique.append(first)
        detail = f"It has the same content as {_printable(first.file)}."
        refused.extend(_Refusal(other.file, "duplicate", detail) for other in others)
    return unique, refused


def _conflicting(same: Sequence[ScannedImage]) -> Iterator[_Refusal]:
    labels = ", ".join(sorted({image.label for image in same}))
    for image in same:
        detail = f"The same content carries several labels: {labels}."
        yield _Refusal(image.file, "conflicting_label", detail)


def _printable(file: File) -> str:
    return file.name.encode(errors="backslashreplace").decode()


def _check_classes(source: Source, labels: set[str], refused: Sequence[_Refusal]) -> None:
    if not labels:
        first = refused[0]
        raise DatasetInvalid(
            f"{source.name} holds no acceptable image: {len(refused)} files were refused, "
            f"the first of them {_printable(first.file)}: {first.detail}",
            hint=LAYOUT_HINT,
        )
    for item in refused:
        # a folder with nothing but foreign files, such as notes, was never meant as a class
        meant = item.file.label is not None and item.reason not in {"unsupported", "bad_label"}
        if meant and item.file.label not in labels:
            raise DatasetInvalid(
                f"The class {item.file.label!r} has no acceptable image left: "
                f"{_printable(item.file)}: {item.detail}",
                hint="Mend or add images, or take the class out.",
            )
