"""Nothing is left of a forgotten image, whatever was interrupted, and nothing else is touched."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from tests.fakes.table import MemoryTable
from tests.fakes.versions import MemoryVersions
from visionml.contracts.images import ImageRecord, ProcessingStatus, image_id
from visionml.errors import InvalidInput, Unavailable
from visionml.intake.forgetting import Forgetting
from visionml.intake.records import KEYS

UPLOAD = "uploads/abc/anna.jpg"
CLEAN, SENT = "c" * 64, "d" * 64


class World:
    """An image that lies wherever one can, beside another one that is to stay."""

    def __init__(self) -> None:
        self.step: Callable[[], None] = lambda: None
        self.objects = MemoryVersions(before=lambda *_: self.step())
        self.table = MemoryTable(KEYS)
        self.table.step = lambda _what: self.step()
        self.image = self._image("anna.jpg")
        self.other = self._image("other.jpg")
        self.kept = {key: item for key, item in self.table.items.items() if key[0] == self.other}

    def _image(self, name: str) -> str:
        key = f"uploads/abc/{name}"
        version = self.objects.put(f"s3://images/{key}", b"x")
        image = image_id("images", key, version)
        self.objects.put(f"s3://images/{key}", b"a later one under the same key")
        for folder in ("accepted/", "cats/", "cats/", "others/", "previews/150/", "previews/64/"):
            self.objects.put(f"s3://images/{folder}{image}.jpg", b"x")
        self.objects.put(f"s3://images/quarantine/{image}", b"x")
        self.objects.put(f"s3://images/quarantine/{image}.reason.json", b"x")
        self.objects.put(f"s3://originals/{image}", b"x")
        record = ImageRecord(
            image_id=image,
            timestamp=datetime(2026, 11, 20, 10, tzinfo=UTC),
            processing_status=ProcessingStatus.ORGANISED,
            file_size=1,
            image_format="jpeg",
            user_id="u-" + "1" * 32,
            upload_hash=SENT,
            content_hash=CLEAN,
            previews={"800": f"previews/800/{image}.jpg"},
            source=f"s3://images/{key}",
        )
        self.table.put(record.item())
        return image

    @property
    def forgetting(self) -> Forgetting:
        return Forgetting(
            self.objects, self.table, images_bucket="images", originals_bucket="originals"
        )

    def forget(self) -> dict[str, int]:
        forgetting = self.forgetting
        records = forgetting.records(self.image)
        forgetting.mark(self.image, records)
        deleted = forgetting.delete(self.image, records)
        forgetting.bury(self.image, records, deleted=deleted)
        return deleted

    def left(self) -> set[str]:
        return {each.key for each in self.objects.stored}


@pytest.fixture
def world() -> World:
    return World()


def check(world: World) -> None:
    """Nothing of the image is there but a record without anything of it; the other one stays."""
    assert not [key for key in world.left() if world.image in key]
    assert len([each for each in world.objects.stored if world.other in each.key]) == 9
    assert len([each for each in world.objects.stored if each.key.startswith("uploads/")]) == 3
    (left,) = world.forgetting.records(world.image)
    assert left.processing_status == ProcessingStatus.FORGOTTEN
    assert left.timestamp == datetime(2026, 11, 20, 10, tzinfo=UTC)
    told = json.dumps(left.item())
    assert not [each for each in (SENT, CLEAN, "u-1", "anna", "jpeg") if each in told]
    assert "Deleted: " in left.reason
    others = {key: item for key, item in world.table.items.items() if key[0] == world.other}
    assert others == world.kept


def test_every_version_of_everything_is_deleted(world: World) -> None:
    assert world.forget() == {
        "upload": 1,
        "image": 4,
        "previews": 2,
        "quarantine": 2,
        "original": 1,
    }
    check(world)


def test_interrupted_anywhere_it_is_finished_by_doing_it_again(world: World) -> None:
    for fails_at in count(1):
        world = World()
        steps = count(1)

        def fail(at: int = fails_at, steps: Any = steps) -> None:
            if next(steps) == at:
                raise Unavailable("The network has gone.")

        world.step = fail
        try:
            world.forget()
        except Unavailable:
            world.step = lambda: None
            world.forget()
            check(world)
        else:
            break
    assert fails_at > 20


def test_done_again_it_changes_nothing(world: World) -> None:
    world.forget()
    before = dict(world.table.items)
    assert world.forget() == {}
    assert world.table.items == before


def test_what_lies_there_without_a_record_is_forgotten_too(world: World) -> None:
    world.table.items.clear()
    world.table.items.update(world.kept)
    world.forget()
    assert not [key for key in world.left() if world.image in key]
    assert len([each for each in world.objects.stored if each.key.startswith("uploads/")]) == 3
    (left,) = world.forgetting.records(world.image)
    assert left.processing_status == ProcessingStatus.FORGOTTEN


def test_what_is_written_meanwhile_is_found_too(world: World) -> None:
    late = iter([f"s3://images/dogs/{world.image}.jpg"])

    def write_once() -> None:
        world.step = lambda: None
        for address in late:
            world.objects.put(address, b"x")

    forgetting = world.forgetting
    records = forgetting.records(world.image)
    listed = forgetting.lying(world.image, records)
    world.step = write_once
    world.objects.delete([version for versions in listed.values() for version in versions])
    assert f"dogs/{world.image}.jpg" in world.left()
    forgetting.delete(world.image, records)
    assert not [key for key in world.left() if world.image in key]


def test_several_records_of_one_image_become_one(world: World) -> None:
    ((key, item),) = [each for each in world.table.items.items() if each[0][0] == world.image]
    world.table.items[key[0], "2026-11-19T10:00:00Z"] = {
        **item,
        "Timestamp": "2026-11-19T10:00:00Z",
    }
    world.forget()
    check(world)


@pytest.mark.parametrize("part", ["", "a", "a" * 31, "a" * 33, "../" + "a" * 29])
def test_a_part_of_an_id_deletes_nothing(world: World, part: str) -> None:
    before = dict(world.objects.stored)
    for use in (world.forgetting.lying, world.forgetting.delete):
        with pytest.raises(InvalidInput, match="is no image's id"):
            use(part, [])
    assert world.objects.stored == before
