"""Naming files and folders finds each file once, and says of everything else why it is none."""

import os
from pathlib import Path

import pytest

from visionml.desks.finding import find
from visionml.errors import InvalidInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.jpg", "inner/c.png", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def told(paths: list[Path]) -> dict[str, str]:
    return {Path(each.path).name: each.sentence for each in find(paths).problems}


def test_files_below_a_folder_come_by_name_and_hidden_ones_do_not(folder: Path) -> None:
    found = find([folder])
    assert [path.relative_to(folder).as_posix() for path in found.files] == [
        "a.jpg",
        "b.jpg",
        "inner/c.png",
    ]
    assert found.problems == ()


def test_a_hidden_file_that_is_named_is_meant(folder: Path) -> None:
    assert find([folder / ".hidden.jpg"]).files == (folder / ".hidden.jpg",)


def test_a_file_named_twice_comes_once(folder: Path) -> None:
    assert (
        find([folder / "a.jpg", str(folder / "a.jpg"), folder]).files.count(folder / "a.jpg") == 1
    )


def test_links_to_a_folder_above_end(folder: Path) -> None:
    (folder / "inner" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "nowhere").symlink_to(folder / "gone")
    found = find([folder])
    assert len(found.files) == 3
    sentences = told([folder])
    assert sentences["up"] == "It is a link to a folder above it."
    assert sentences["nowhere"] == "It is a link to nothing."
    assert sentences["self"].startswith("It cannot be read: Too many levels of symbolic links")


def test_a_link_to_another_folder_is_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "d.jpg").write_bytes(b"x")
    (folder / "link").symlink_to(other)
    assert folder / "link" / "d.jpg" in find([folder]).files


def test_what_is_no_file_is_told_and_stops_nothing(folder: Path) -> None:
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    missing = folder / "missing.jpg"
    assert told([missing, folder]) == {
        "missing.jpg": "It does not exist.",
        "empty": "It is a folder without files.",
        "pipe": "It is a pipe, not a file.",
    }
    assert len(find([missing, folder]).files) == 3


def test_names_that_are_no_text_can_be_told(folder: Path) -> None:
    bad = os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")
    (problem,) = find([bad]).problems
    assert problem.path.endswith("\\udcff.jpg")
    problem.path.encode()


def test_naming_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="No file is named"):
        find([])
