"""A trained model as it travels: an ONNX graph, its JSON record, and both in ``model.tar.gz``.

The record is all that is needed to use the graph; a graph without its record is refused.
"""

import gzip
import hashlib
import tarfile
import zlib
from pathlib import Path

from pydantic import ValidationError

from visionml.contracts.model import ONNX_FILE, RECORD_FILE, ModelRecord
from visionml.errors import InvalidInput, NotFound

_TRAIN_AGAIN = "Train the model again, or take the artefact from its run's folder."


def write(folder: Path, graph: bytes, record: ModelRecord) -> None:
    """Write the graph and its record into `folder`; SageMaker packs what it finds there.

    The record goes last: a folder with a record is complete.
    """
    if record.onnx_sha256 != digest(graph):
        raise ValueError("the record is of another graph")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX_FILE).write_bytes(graph)
    (folder / RECORD_FILE).write_text(record.model_dump_json(indent=2), encoding="utf-8")


def read(folder: Path) -> ModelRecord:
    """Return the record of the artefact in `folder`, after checking that the graph is its own.

    Raises
    ------
    NotFound
        The record or the graph is missing.
    InvalidInput
        The record cannot be read, or the graph is not the one it describes.
    """
    for name in (RECORD_FILE, ONNX_FILE):
        if not (folder / name).is_file():
            raise NotFound(f"The model in {folder} has no {name}.", hint=_TRAIN_AGAIN)
    try:
        record = ModelRecord.model_validate_json((folder / RECORD_FILE).read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        raise InvalidInput(
            f"{folder / RECORD_FILE} is not a model's record: "
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}.",
            hint=_TRAIN_AGAIN,
        ) from error
    if digest((folder / ONNX_FILE).read_bytes()) != record.onnx_sha256:
        raise InvalidInput(
            f"{folder / ONNX_FILE} is not the graph that {RECORD_FILE} describes: "
            "their SHA-256 differ.",
            hint=_TRAIN_AGAIN,
        )
    return record


def pack(folder: Path, archive: Path) -> Path:
    """Pack the artefact in `folder` as SageMaker does, and return the archive's path."""
    read(folder)
    with tarfile.open(archive, "w:gz") as tar:
        for name in (ONNX_FILE, RECORD_FILE):
            tar.add(folder / name, arcname=name)
    return archive


def unpack(archive: Path, folder: Path) -> ModelRecord:
    """Unpack ``model.tar.gz`` into `folder` and return its record, checked as by `read`.

    Only the graph and its record are taken out of the archive, and only regular files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in {ONNX_FILE, RECORD_FILE} and member.isfile():
                    content = tar.extractfile(member)
                    (folder / name).write_bytes(content.read() if content else b"")
    except FileNotFoundError as error:
        raise NotFound(f"The artefact {archive} does not exist.", hint=_TRAIN_AGAIN) from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidInput(f"The artefact {archive} cannot be unpacked: {error}.") from error
    return read(folder)


def digest(graph: bytes) -> str:
    """Return the SHA-256 of a graph, in hexadecimal."""
    return hashlib.sha256(graph).hexdigest()
