"""Where images come from: folders, S3 prefixes, manifests."""

from pathlib import Path

import numpy as np
import pytest

from visionml.aws.s3 import Objects
from visionml.dataset.samples import grey_png
from visionml.dataset.scan import Scan, scan
from visionml.dataset.sources import File, find
from visionml.errors import DatasetInvalid, ImageRefused
from visionml.imaging.inspect import Limits

NO_S3 = Objects(None)  # type: ignore[arg-type]


def png(value: int) -> bytes:
    return grey_png(np.full((8, 8), value, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for value in range(6):
        (tmp_path / "in" / f"{value}.png").parent.mkdir(exist_ok=True)
        (tmp_path / "in" / f"{value}.png").write_bytes(png(value))
    return tmp_path


def manifest(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def files(folder: Path, text: str) -> list[File]:
    return list(find(manifest(folder, text), NO_S3).files)


def scanned(folder: Path, text: str) -> Scan:
    return scan(find(manifest(folder, text), NO_S3), limits=Limits())


def test_a_manifest_gives_label_group_and_split(folder: Path) -> None:
    first, second = files(
        folder,
        "path,label,group,split\nin/0.png, a cat ,site-1,train\nin/1.png,dog,,HOLDOUT\n",
    )
    assert (first.label, first.group, first.split) == ("a cat", "site-1", "train")
    assert (second.label, second.group, second.split) == ("dog", None, "holdout")
    assert first.read(10_000) == png(0)


def test_columns_may_come_in_any_order_and_with_others(folder: Path) -> None:
    (found,) = files(folder, "camera,label,key\nx,cat,in/0.png\n")
    assert (found.name, found.label, found.split) == ("in/0.png", "cat", None)


def test_files_of_a_manifest_are_refused_one_by_one(folder: Path) -> None:
    found = scanned(
        folder,
        "path,label\nin/0.png,cat\nin/1.png,\nin/gone.png,cat\nin/2.png,a/b\nin/0.png,cat\n",
    )
    assert {(item.file, item.reason) for item in found.refused} == {
        ("in/1.png", "unsupported"),
        ("in/gone.png", "unreadable"),
        ("in/2.png", "bad_label"),
        ("in/0.png", "duplicate"),
    }
    assert len(found.images) == 1


def test_paths_never_leave_the_place_of_the_dataset(folder: Path) -> None:
    outside = folder / "in" / "0.png"
    absolute, upwards = files(folder, f"path,label\n{outside},cat\n../x/in/1.png,cat\n")
    for found in (absolute, upwards):
        assert ".." not in found.path.split("/")
        assert not found.path.startswith("/")
    assert (upwards if absolute.name.startswith("..") else absolute).read(10_000) == png(0)


def test_files_over_the_limit_are_not_read(folder: Path) -> None:
    (found,) = files(folder, "path,label\nin/0.png,cat\n")
    with pytest.raises(ImageRefused, match="the limit is 10") as caught:
        found.read(10)
    assert caught.value.reason == "too_many_bytes"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has the columns none"),
        ("file,label\nin/0.png,cat\n", "has the columns file, label"),
        ("path,class\nin/0.png,cat\n", "has the columns class, path"),
        ("path,label\n", "names no images"),
        ("path,label\n,cat\n", "Line 2 of .* names no file"),
        ("path,label,split\nin/0.png,cat,test\n", "Line 2 of .* has the split 'test'"),
    ],
)
def test_a_manifest_that_is_none_says_what_is_wrong(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises(DatasetInvalid, match=sentence):
        files(folder, text)


def test_a_manifest_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "list.csv").write_bytes(b"\xff\xfe\x00p")
    with pytest.raises(DatasetInvalid, match="not a CSV file in UTF-8"):
        find(folder / "list.csv", NO_S3)
    with pytest.raises(DatasetInvalid, match="cannot be read: No such file"):
        find(folder / "gone.csv", NO_S3)


def test_several_folders_are_a_class_each(folder: Path) -> None:
    for label in ("cats", "dogs"):
        (folder / label / "kept").mkdir(parents=True)
        (folder / label / "kept" / "same.png").write_bytes(png(len(label)))
    found = find([folder / "cats", str(folder / "dogs") + "/"], NO_S3)
    assert [(file.label, file.path) for file in found.files] == [
        ("cats", "kept/same.png"),
        ("dogs", "kept/same.png"),
    ]


@pytest.mark.parametrize("sources", [["a/cats", "b/cats/"], ["s3://b/cats/", "list.csv"]])
def test_folders_that_cannot_be_told_apart_are_no_classes(sources: list[str]) -> None:
    with pytest.raises(DatasetInvalid, match=r"cannot be the classes of one dataset\."):
        find(sources, NO_S3)


def test_one_source_in_a_list_is_that_source(folder: Path) -> None:
    assert find([folder], NO_S3).name == str(folder)
