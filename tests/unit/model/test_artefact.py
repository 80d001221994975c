"""A trained model as it travels."""

import io
import tarfile
from pathlib import Path

import pytest

from visionml.contracts.model import ModelRecord
from visionml.errors import InvalidInput, NotFound
from visionml.model import artefact


def archive_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_what_was_packed_is_what_is_unpacked(
    tmp_path: Path, model: Path, record: ModelRecord, graph: bytes
) -> None:
    archive = artefact.pack(model, tmp_path / "model.tar.gz")
    assert artefact.unpack(archive, tmp_path / "out") == record
    assert (tmp_path / "out/model.onnx").read_bytes() == graph


def test_archives_made_with_a_leading_dot_are_read(
    tmp_path: Path, record: ModelRecord, graph: bytes
) -> None:
    files = {"./model.onnx": graph, "./model.json": record.model_dump_json().encode()}
    assert artefact.unpack(archive_of(tmp_path / "m.tar.gz", files), tmp_path / "out") == record


def test_nothing_but_the_graph_and_its_record_leaves_an_archive(
    tmp_path: Path, record: ModelRecord, graph: bytes
) -> None:
    files = {
        "model.onnx": graph,
        "model.json": record.model_dump_json().encode(),
        "../outside": b"x",
        "/absolute": b"x",
        "code/inference.py": b"x",
    }
    artefact.unpack(archive_of(tmp_path / "m.tar.gz", files), tmp_path / "deep" / "out")
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert left == ["deep/out/model.json", "deep/out/model.onnx", "m.tar.gz"]


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path, graph: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    path = archive_of(tmp_path / "m.tar.gz", {"model.onnx": graph})
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("model.json")
        member.type, member.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(member)
    with pytest.raises(NotFound, match=r"has no model\.json"):
        artefact.unpack(path, tmp_path / "out")


def test_an_artefact_without_its_record_is_refused(tmp_path: Path, graph: bytes) -> None:
    path = archive_of(tmp_path / "m.tar.gz", {"model.onnx": graph})
    with pytest.raises(NotFound, match=r"has no model\.json\. Train the model again"):
        artefact.unpack(path, tmp_path / "out")


def test_a_graph_that_is_not_the_record_s_is_refused(model: Path) -> None:
    path = model / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InvalidInput, match="their SHA-256 differ"):
        artefact.read(model)


def test_a_record_that_cannot_be_read_names_the_field(model: Path) -> None:
    (model / "model.json").write_text('{"version": 3}')
    with pytest.raises(InvalidInput, match=r"model\.json is not a model's record: version"):
        artefact.read(model)


def test_a_graph_is_not_written_with_another_s_record(
    tmp_path: Path, record: ModelRecord, graph: bytes
) -> None:
    with pytest.raises(ValueError, match="another graph"):
        artefact.write(tmp_path, graph + b"\0", record)


@pytest.mark.parametrize("share", [0, 0.1, 0.8])
def test_a_damaged_archive_is_named(tmp_path: Path, model: Path, share: float) -> None:
    archive = artefact.pack(model, tmp_path / "model.tar.gz")
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidInput, match=r"model\.tar\.gz cannot be unpacked"):
        artefact.unpack(archive, tmp_path / "out")


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        artefact.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
