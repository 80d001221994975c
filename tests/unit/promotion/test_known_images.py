"""Which holdout images a model is asked for."""

from collections import Counter

import pytest

from tests.fakes.image_store import MANIFEST, RAW, MemoryImages, entry
from visionml.dataset.manifest import manifest_text
from visionml.errors import DatasetInvalid, NotFound
from visionml.promotion import known_images
from visionml.promotion.known_images import choose

ENTRIES = [
    *(entry("cat", number) for number in range(40)),
    *(entry("dog", number) for number in range(40)),
    *(entry("owl", number) for number in range(3)),
    *(entry("cat", number, "train") for number in range(100, 160)),
]


def chosen(count: int) -> list[str]:
    lines = manifest_text(ENTRIES).splitlines()
    return [each.key for each in choose(lines, count, where="manifest")]


def test_classes_come_equally_often_as_far_as_they_have_images() -> None:
    labels = Counter(key.split("/")[2] for key in chosen(13))

    assert labels["owl"] == 3
    assert {labels["cat"], labels["dog"]} == {5}


def test_only_the_holdout_is_used_and_the_choice_is_always_the_same() -> None:
    holdout = {each.key for each in ENTRIES if each.split == "holdout"}

    assert set(chosen(1000)) == holdout
    assert chosen(10) == chosen(10) == chosen(20)[:10]


def test_the_choice_is_not_the_order_of_the_manifest() -> None:
    assert [key for key in chosen(10) if "/cat/" in key] != [
        each.key for each in ENTRIES if each.label == "cat"
    ][: len([key for key in chosen(10) if "/cat/" in key])]


def test_there_may_be_more_classes_than_images_are_asked_for() -> None:
    lines = manifest_text([entry(f"class-{n}", n) for n in range(50)]).splitlines()

    assert len({each.label for each in choose(lines, 5, where="manifest")}) == 5
    assert choose(lines, 0, where="manifest") == []


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_images, "MOST_BYTES", 250)

    assert len(chosen(10)) == 2


def test_a_line_that_is_no_entry_is_refused() -> None:
    with pytest.raises(DatasetInvalid, match="manifest"):
        choose(['{"split":"holdout"}'], 5, where="manifest")


def read(objects: MemoryImages, version: str = "v1") -> list[known_images.KnownImage]:
    return known_images.read(
        objects,
        raw_bucket=RAW,
        datasets_bucket="datasets",
        dataset=("digits", version),
        count=6,
    )


def test_images_are_read_with_their_class_and_type() -> None:
    objects = MemoryImages(ENTRIES)
    images = read(objects)

    assert {each.label for each in images} == {"cat", "dog", "owl"}
    assert {each.content_type for each in images} == {"image/png"}
    assert all(f"/{each.label}/" in each.content.decode() for each in images)


def test_images_that_are_gone_are_left_out_until_none_is_left() -> None:
    objects = MemoryImages(ENTRIES)
    for image in read(objects)[1:]:
        del objects.images[f"s3://{RAW}/{image.content.decode()}"]
    assert len(read(objects)) == 1

    objects.images.clear()
    with pytest.raises(NotFound, match="digits@v1"):
        read(objects)


def test_a_dataset_version_that_is_gone_is_named() -> None:
    with pytest.raises(NotFound, match="manifests/digits/v2"):
        read(MemoryImages(ENTRIES), "v2")
    assert MANIFEST.endswith("v1/manifest.jsonl")
