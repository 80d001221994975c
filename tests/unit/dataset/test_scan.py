"""Which files of a folder become images of a dataset."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from visionml.dataset import sources
from visionml.dataset.samples import grey_png
from visionml.dataset.scan import scan
from visionml.errors import DatasetInvalid
from visionml.imaging.inspect import Limits

LIMITS = Limits(bytes=10_000, pixels=2_500)


def png(value: int, *, size: int = 8) -> bytes:
    return grey_png(np.full((size, size), value, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, start in (("cat", 0), ("dog", 100)):
        (tmp_path / label).mkdir()
        for i in range(3):
            (tmp_path / label / f"{i}.png").write_bytes(png(start + i))
    return tmp_path


def refused(folder: Path) -> dict[str, str]:
    return {item.file: item.reason for item in scan(sources.folder(folder), limits=LIMITS).refused}


def test_files_carry_the_label_of_their_folder(folder: Path) -> None:
    (folder / "cat/older").mkdir()
    (folder / "cat/older/x.png").write_bytes(png(50))
    found = [
        (image.label, image.file.path)
        for image in scan(sources.folder(folder), limits=LIMITS).images
    ]
    assert ("cat", "older/x.png") in found
    assert ("dog", "2.png") in found
    assert len(found) == 7


def test_every_bad_file_is_listed_with_its_reason(folder: Path) -> None:
    (folder / "cat/empty.png").write_bytes(b"")
    (folder / "cat/cut.png").write_bytes(png(60)[:-20])
    (folder / "cat/notes.txt").write_text("no image")
    (folder / "cat/wide.png").write_bytes(png(61, size=51))
    (folder / "cat/heavy.png").write_bytes(png(62) + bytes(10_000))
    (folder / "dog/same.png").write_bytes(png(100))
    (folder / "readme.md").write_text("about this set")
    assert refused(folder) == {
        "cat/empty.png": "empty",
        "cat/cut.png": "truncated",
        "cat/notes.txt": "unsupported",
        "cat/wide.png": "too_many_pixels",
        "cat/heavy.png": "too_many_bytes",
        "dog/same.png": "duplicate",
        "readme.md": "unsupported",
    }


def test_the_name_of_a_file_does_not_make_it_an_image(folder: Path) -> None:
    (folder / "cat/page.jpg").write_text("<html></html>")
    (folder / "cat/picture").write_bytes(png(63))
    result = scan(sources.folder(folder), limits=LIMITS)
    assert [item.file for item in result.refused] == ["cat/page.jpg"]
    assert "picture" in [image.file.path for image in result.images]


def test_content_under_two_labels_is_taken_under_neither(folder: Path) -> None:
    (folder / "dog/cat.png").write_bytes(png(0))
    result = scan(sources.folder(folder), limits=LIMITS)
    assert {item.file: item.reason for item in result.refused} == {
        "cat/0.png": "conflicting_label",
        "dog/cat.png": "conflicting_label",
    }
    assert "cat, dog" in result.refused[0].detail


def test_hidden_files_are_passed_over(folder: Path) -> None:
    (folder / "cat/.DS_Store").write_bytes(b"x")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("x")
    assert refused(folder) == {}


def test_a_folder_of_other_files_is_no_class(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes/a.txt").write_text("x")
    result = scan(sources.folder(folder), limits=LIMITS)
    assert {image.label for image in result.images} == {"cat", "dog"}


def test_a_class_of_which_nothing_is_left_is_an_error(folder: Path) -> None:
    (folder / "owl").mkdir()
    (folder / "owl/1.png").write_bytes(png(70)[:-20])
    with pytest.raises(DatasetInvalid, match=r"class 'owl' has no acceptable image left: owl/1"):
        scan(sources.folder(folder), limits=LIMITS)


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        (None, "does not exist"),
        ([], "holds no files"),
        (["1.png"], "holds files but no class folders"),
        (["cat/a.txt", "dog/b.txt"], "no acceptable image: 2 files were refused"),
    ],
)
def test_a_folder_that_cannot_be_a_dataset_says_what_is_missing(
    tmp_path: Path, present: list[str] | None, sentence: str
) -> None:
    if present is None:
        shutil.rmtree(tmp_path)
    for name in present or []:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    with pytest.raises(DatasetInvalid, match=sentence) as caught:
        scan(sources.folder(tmp_path), limits=LIMITS)
    assert "one folder per class" in caught.value.hint


def test_progress_ends_at_the_number_of_files(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    scan(sources.folder(folder), limits=LIMITS, on_progress=lambda *step: seen.append(step))
    assert seen[-1] == ("validate", 6, 6)
