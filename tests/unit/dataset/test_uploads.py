"""The folder that the notebook about intake uploads."""

import io
from pathlib import Path

import pytest
from PIL import Image

from visionml.contracts.intake import RefusalReason
from visionml.dataset import uploads
from visionml.dataset.drawn.collection import drawing
from visionml.errors import ImageRefused
from visionml.imaging.clean import cleaned
from visionml.imaging.inspect import admit, inspect
from visionml.imaging.metadata import metadata

REASONS = {
    "archive.jpg": "unsupported",
    "bomb.png": "too_many_pixels",
    "broken-off.jpg": "truncated",
    "film.webp": "animated",
    "letter.jpg": "unsupported",
    "nothing.png": "empty",
    "notes.jpeg": "unsupported",
    "picture-and-archive.jpg": "polyglot",
    "vectors.png": "unsupported",
    "web-page.jpg": "unsupported",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uploads.write_uploads(tmp_path_factory.mktemp("uploads"), pictures=8)


def reason(content: bytes) -> str | None:
    try:
        admit(content)
        inspect(content)
    except ImageRefused as refusal:
        return str(RefusalReason(refusal.reason))
    return None


def test_every_bad_file_is_refused_for_its_own_reason(folder: Path) -> None:
    found = {path.name: reason(path.read_bytes()) for path in (folder / "bad").iterdir()}
    assert found == REASONS


@pytest.mark.parametrize("kind", ["drawn", "photographs", "odd"])
def test_all_other_files_are_images(folder: Path, kind: str) -> None:
    found = {path.name: reason(path.read_bytes()) for path in (folder / kind).iterdir()}
    assert found
    assert set(found.values()) == {None}


def test_the_same_seed_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    again = uploads.write_uploads(tmp_path, pictures=8)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_no_name_of_a_picture_tells_what_it_shows() -> None:
    names = [upload.name for upload in uploads.animals(9)]
    assert names == [f"picture-{number:02d}.jpg" for number in range(9)]


def test_one_image_tells_where_it_was_taken_until_it_is_cleaned(folder: Path) -> None:
    content = (folder / "odd" / uploads.TURNED).read_bytes()
    told = metadata(content)
    assert told["GPSLatitude"] == "47/1 22/1 25/1"
    assert told["Artist"] == "A. Person"
    assert Image.open(io.BytesIO(content)).getexif().get_ifd(0x8825)[2] == (47, 22, 25)
    assert inspect(content).orientation == 8
    clean = cleaned(content).content
    assert metadata(clean) == {}
    assert not Image.open(io.BytesIO(clean)).getexif()


def test_the_turned_image_stands_upright_as_it_was_drawn(folder: Path) -> None:
    facts = inspect((folder / "odd" / uploads.TURNED).read_bytes())
    drawn = inspect(drawing("cat", [uploads.SEED, 1000]))
    assert facts.upright_size == (drawn.width, drawn.height)


def test_what_is_damaged_has_no_metadata_to_show(folder: Path) -> None:
    with pytest.raises(ImageRefused):
        metadata((folder / "bad" / "notes.jpeg").read_bytes())
