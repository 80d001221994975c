"""A dataset version loses an image for good, and jobs are told so before they miss it."""

import json
from datetime import UTC, datetime

import pytest

from tests.fakes.image_store import entry
from tests.fakes.versions import MemoryVersions
from visionml.contracts.dataset import ManifestEntry
from visionml.dataset.forgetting import COPIES, SHARD_FILES, Holders
from visionml.dataset.manifest import manifest_text

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FOLDER = "s3://datasets/manifests/digits/v1/"
ENTRIES = [entry("0", number) for number in range(4)]


@pytest.fixture
def objects() -> MemoryVersions:
    made = MemoryVersions()
    made.write(f"{FOLDER}manifest.jsonl", manifest_text(ENTRIES))
    for each in ENTRIES:
        made.put(f"s3://raw/{each.key}", b"before")
        made.put(f"s3://raw/{each.key}", b"x")
    for version in ("v1", "v2"):
        made.put(f"s3://datasets/prepared/digits/{version}/32/job/train/part-00-00000.npy", b"x")
    return made


def forget(objects: MemoryVersions, lost: ManifestEntry) -> dict[str, int]:
    holders = Holders(objects, objects, raw_bucket="raw", datasets_bucket="datasets")
    return holders.forget("digits", "v1", lost, image_id="a" * 32, now=NOW)


def listed(objects: MemoryVersions) -> list[str]:
    first, *keys = json.loads(objects.read_bytes(f"{FOLDER}objects.manifest"))
    assert first == {"prefix": "s3://raw/images/digits/"}
    return list(map(str, keys))


def test_copies_and_shards_go_and_the_version_says_why(objects: MemoryVersions) -> None:
    lost = ENTRIES[1]
    assert forget(objects, lost) == {COPIES: 2, SHARD_FILES: 1}
    assert not [each for each in objects.stored if each.key == lost.key]
    assert list(objects.keys("s3://datasets/prepared/")) == [
        "prepared/digits/v2/32/job/train/part-00-00000.npy"
    ]
    mark = json.loads(objects.read_bytes(f"{FOLDER}forgotten/{lost.sha256}.json"))
    assert mark["image_id"] == "a" * 32
    assert listed(objects) == ["0/0.png", "0/2.png", "0/3.png"]
    assert objects.read_bytes(f"{FOLDER}manifest.jsonl").decode() == manifest_text(ENTRIES)


def test_the_mark_comes_before_the_first_deletion(objects: MemoryVersions) -> None:
    lost, told = ENTRIES[1], []

    def look(operation: str, address: str) -> None:
        if operation == "delete":
            told.append(objects.exists(f"{FOLDER}forgotten/{lost.sha256}.json"))

    objects._before = look
    forget(objects, lost)
    assert told
    assert all(told)


def test_done_again_it_says_what_it_said(objects: MemoryVersions) -> None:
    forget(objects, ENTRIES[1])
    assert forget(objects, ENTRIES[1]) == {COPIES: 0, SHARD_FILES: 0}
    assert len(list(objects.keys(f"{FOLDER}forgotten/"))) == 1
    assert len([v for v in objects.stored if "forgotten/" in v.key]) == 1


def test_images_that_are_forgotten_at_the_same_time_are_both_left_out(
    objects: MemoryVersions,
) -> None:
    first, second = ENTRIES[:2]

    def meanwhile(operation: str, address: str) -> None:
        if operation == "put" and address.endswith("objects.manifest"):
            objects._before = lambda *_: None
            mark = f"{FOLDER}forgotten/{second.sha256}.json"
            objects.write(mark, "{}")

    objects._before = meanwhile
    forget(objects, first)
    assert listed(objects) == ["0/2.png", "0/3.png"]
