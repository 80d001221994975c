"""The text of a manifest and the version that follows from it."""

import json

import pytest

from visionml.contracts.dataset import ManifestEntry
from visionml.dataset.manifest import (
    counts_of,
    manifest_text,
    objects_text,
    parse_manifest,
    version_of,
)
from visionml.errors import DatasetInvalid


def entry(key: str, *, split: str = "train") -> ManifestEntry:
    return ManifestEntry.model_validate(
        {
            "key": f"images/pets/{key}",
            "label": key.partition("/")[0],
            "split": split,
            "sha256": "0" * 64,
            "width": 8,
            "height": 8,
            "format": "png",
            "bytes": 100,
        }
    )


ENTRIES = [entry("dog/2.png"), entry("cat/ü\u2028.png", split="holdout"), entry("cat/1.png")]


def test_the_version_does_not_depend_on_the_order_of_entries() -> None:
    assert manifest_text(ENTRIES) == manifest_text(ENTRIES[::-1])


def test_the_version_depends_on_every_field() -> None:
    moved = [*ENTRIES[:2], entry("cat/1.png", split="validation")]
    versions = {version_of(manifest_text(entries)) for entries in (ENTRIES, moved, ENTRIES[:2])}
    assert len(versions) == 3


def test_what_is_written_can_be_read_whatever_the_names() -> None:
    read = parse_manifest(manifest_text(ENTRIES), where="here")
    assert read == sorted(ENTRIES, key=lambda item: item.key)


def test_a_broken_line_is_named() -> None:
    text = manifest_text(ENTRIES[:1]) + '{"key": "x"}\n'
    with pytest.raises(DatasetInvalid, match=r"Line 2 of here .*label: Field required"):
        parse_manifest(text, where="here")


def test_counts_are_by_split_and_class() -> None:
    assert counts_of(ENTRIES) == {
        "train": {"cat": 1, "dog": 1},
        "validation": {},
        "holdout": {"cat": 1},
    }


def test_the_object_manifest_lists_paths_below_one_prefix() -> None:
    text = objects_text([e.key for e in ENTRIES], bucket="raw", prefix="images/pets/")
    assert json.loads(text) == [
        {"prefix": "s3://raw/images/pets/"},
        "cat/1.png",
        "cat/ü\u2028.png",
        "dog/2.png",
    ]
