"""Where images come from: a folder or an S3 prefix with one folder per class, or a manifest.

Several folders or prefixes together are one class each, named by their last part: so the cats and
the dogs of a bucket become a dataset without what lies beside them.

A manifest is a CSV file with the columns ``path`` (or ``key``) and ``label``, and optionally
``group`` and ``split``. Its paths are relative to the manifest, ``s3://`` addresses, or, as
``key`` of a manifest in S3, keys of the manifest's bucket.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from visionml.aws.s3 import Objects, parse_uri, uri
from visionml.contracts.dataset import SPLITS, Split
from visionml.errors import DatasetInvalid, ImageRefused, NotFound

LAYOUT_HINT = "Put the images into one folder per class, such as photos/cat/1.jpg."
_COLUMNS_HINT = "Name the columns path, label and, where you have them, group and split."

Where = Path | str | Sequence[Path | str]
"""A folder, an ``s3://`` prefix, a manifest, or several folders or prefixes."""
Read = Callable[[int], bytes]
"""Takes the most bytes that a file may have; raises ImageRefused or OSError."""


@dataclass(frozen=True)
class File:
    """One file of a source; ``name`` is what people know it by."""

    name: str
    label: str | None
    """None for a file outside of every class."""
    path: str
    """Below the class, with slashes."""
    read: Read
    group: str | None = None
    split: Split | None = None


@dataclass(frozen=True)
class Source:
    """All files that may become images of a dataset, sorted by name."""

    name: str
    files: tuple[File, ...]


def find(source: Where, objects: Objects) -> Source:
    """Return the files of a folder, an S3 prefix or a manifest, local or in S3.

    Several folders or prefixes are the classes.

    Raises
    ------
    DatasetInvalid
        There is nothing of the kind, or the manifest cannot be read as one.
    """
    if not isinstance(source, Path | str):
        return _classes([str(each) for each in source], objects)
    if str(source).startswith("s3://"):
        return _in_s3(str(source), objects)
    path = Path(source)
    return _local_manifest(path, objects) if path.suffix.lower() == ".csv" else folder(path)


def folder(path: Path) -> Source:
    """Return the files of a folder per class.

    Raises
    ------
    DatasetInvalid
        It does not exist, holds no files or no class folders.
    """
    return _by_class(_below_folder(path), name=str(path), kind=f"folder {path}")


def written(source: Where) -> str:
    """Return a source as records name it."""
    return str(source) if isinstance(source, Path | str) else " ".join(map(str, source))


def _classes(addresses: Sequence[str], objects: Objects) -> Source:
    """Return the files of several folders or prefixes, each one a class."""
    if len(addresses) == 1:
        return find(addresses[0], objects)
    labels = [address.rstrip("/").rpartition("/")[2] for address in addresses]
    if len(set(labels)) < len(labels) or any(each.lower().endswith(".csv") for each in labels):
        raise DatasetInvalid(
            f"{written(addresses)} cannot be the classes of one dataset.",
            hint="Name folders or prefixes with different last parts, or one source alone.",
        )
    found = {
        f"{label}/{path}": read
        for label, address in zip(labels, addresses, strict=True)
        for path, read in _below(address, objects).items()
    }
    return _by_class(found, name=written(addresses), kind=f"sources {written(addresses)}")


def _below(address: str, objects: Objects) -> dict[str, Read]:
    return _below_prefix(address, objects) if _remote(address) else _below_folder(Path(address))


def _below_folder(path: Path) -> dict[str, Read]:
    if not path.is_dir():
        raise DatasetInvalid(f"The folder {path} does not exist.", hint=LAYOUT_HINT)
    return {
        inner.relative_to(path).as_posix(): _on_disk(inner)
        for inner in sorted(path.rglob("*"))
        if inner.is_file()
    }


def _in_s3(address: str, objects: Objects) -> Source:
    if address.lower().endswith(".csv"):
        return _manifest_in_s3(address, objects)
    return _by_class(_below_prefix(address, objects), name=address, kind=f"prefix {address}")


def _below_prefix(address: str, objects: Objects) -> dict[str, Read]:
    bucket, key = parse_uri(address)
    start = f"{key.rstrip('/')}/" if key.strip("/") else ""
    try:
        keys = [each for each in objects.keys(uri(bucket, start)) if not each.endswith("/")]
    except NotFound as error:
        raise DatasetInvalid(f"The bucket {bucket} does not exist.", hint=LAYOUT_HINT) from error
    return {each.removeprefix(start): _object(uri(bucket, each), objects) for each in keys}


def _by_class(found: dict[str, Read], *, name: str, kind: str) -> Source:
    """Return a source whose paths begin with their classes; hidden files are passed over."""
    visible = {path: read for path, read in sorted(found.items()) if not _hidden(path)}
    if not visible:
        raise DatasetInvalid(f"The {kind} holds no files.", hint=LAYOUT_HINT)
    if not any("/" in path for path in visible):
        raise DatasetInvalid(f"The {kind} holds files but no class folders.", hint=LAYOUT_HINT)
    files = []
    for path, read in visible.items():
        label, nested, rest = path.partition("/")
        files.append(File(path, label if nested else None, rest if nested else path, read))
    return Source(name, tuple(files))


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _local_manifest(path: Path, objects: Objects) -> Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetInvalid(
            f"The manifest {path} cannot be read: {error.strerror}.", hint=_COLUMNS_HINT
        ) from error

    def resolve(_column: str, value: str) -> Read:
        return _object(value, objects) if _remote(value) else _on_disk(path.parent / value)

    return Source(str(path), tuple(_rows(content, where=str(path), resolve=resolve)))


def _manifest_in_s3(address: str, objects: Objects) -> Source:
    bucket, key = parse_uri(address)
    try:
        content = objects.read_bytes(address)
    except NotFound as error:
        raise DatasetInvalid(
            f"The manifest {address} does not exist.", hint=_COLUMNS_HINT
        ) from error
    beside = f"{key.rpartition('/')[0]}/" if "/" in key else ""

    def resolve(column: str, value: str) -> Read:
        if _remote(value):
            return _object(value, objects)
        return _object(uri(bucket, value if column == "key" else beside + value), objects)

    return Source(address, tuple(_rows(content, where=address, resolve=resolve)))


def _rows(content: bytes, *, where: str, resolve: Callable[[str, str], Read]) -> Iterator[File]:
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        columns = set(rows.fieldnames or ())
        lines = sorted(enumerate(rows, start=2), key=lambda line: _path_of(line[1])[1])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetInvalid(f"{where} is not a CSV file in UTF-8: {error}.") from error
    if not columns & {"path", "key"} or "label" not in columns:
        raise DatasetInvalid(
            f"{where} has the columns {', '.join(sorted(columns)) or 'none'}.", hint=_COLUMNS_HINT
        )
    if not lines:
        raise DatasetInvalid(f"{where} names no images.", hint=_COLUMNS_HINT)
    for number, row in lines:
        column, value = _path_of(row)
        split = (row.get("split") or "").strip().lower() or None
        if not value or split not in {None, *SPLITS}:
            fault = "names no file" if not value else f"has the split {split!r}"
            raise DatasetInvalid(
                f"Line {number} of {where} {fault}.", hint=f"Splits are {', '.join(SPLITS)}."
            )
        yield File(
            name=value,
            label=(row.get("label") or "").strip() or None,
            path=_safe(parse_uri(value).key if _remote(value) else value),
            read=resolve(column, value),
            group=(row.get("group") or "").strip() or None,
            split=split,
        )


def _path_of(row: dict[str, str]) -> tuple[str, str]:
    """Return the column that names a row's file, and the name."""
    for column in ("path", "key"):
        if row.get(column):
            return column, row[column].strip()
    return "path", ""


def _safe(path: str) -> str:
    """Return a path that stays below where it is put."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in {"/", ".."}) or "image"


def _remote(value: str) -> bool:
    return value.startswith("s3://")


def _on_disk(path: Path) -> Read:
    def read(limit: int) -> bytes:
        _check(path.stat().st_size, limit)
        return path.read_bytes()

    return read


def _object(address: str, objects: Objects) -> Read:
    def read(limit: int) -> bytes:
        try:
            return objects.read_bytes(address, check=lambda size: _check(size, limit))
        except NotFound as error:
            raise ImageRefused("It does not exist.", reason="unreadable") from error

    return read


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise ImageRefused(
            f"It has {size} bytes; the limit is {limit}.", reason="too_many_bytes", limit=limit
        )
