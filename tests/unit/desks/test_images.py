"""What the desk of images reads from the table, and how long it waits for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.table import MemoryTable
from visionml.contracts import settings
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.desks.image_records import ImageRecords
from visionml.desks.images import Images
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput, NotFound, RequestRefused, Unavailable
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.records import KEYS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BUCKET = "s3://ml-pipeline-images-local-us-east-1-000000000000"


def name(number: int) -> str:
    return f"{number:032x}"


class World:
    def __init__(self) -> None:
        self.table = MemoryTable(KEYS)
        self.objects = MemoryObjects()
        self.pseudonyms = Pseudonyms(lambda: "secret")
        platform = Platform(
            settings=settings.load("local", {"account": "000000000000"}),
            aws=None,  # type: ignore[arg-type]
            say=print,
            api_address=lambda *_: "",
            ca_bundle=None,
        )
        vars(platform)["images"] = ImageRecords(self.table, self.pseudonyms)
        vars(platform)["objects"] = self.objects
        self.images = Images(platform)

    def add(self, number: int, status: str = "organised", **given: Any) -> None:
        facts = {
            "image_id": name(number),
            "timestamp": NOON + timedelta(hours=number),
            "processing_status": status,
            "file_size": 10,
            "image_format": "jpeg",
        }
        self.table.put(ImageRecord.model_validate({**facts, **given}).item())


@pytest.fixture
def world() -> World:
    return World()


def numbers(found: pd.DataFrame) -> list[int]:
    return [int(image, 16) for image in found.index]


def test_images_of_every_status_come_together_the_newest_first(world: World) -> None:
    for number, status in enumerate(["refused", "organised", "uncertain", "organised"]):
        world.add(number, status)
    assert numbers(world.images.table()) == [3, 2, 1, 0]
    assert numbers(world.images.table(limit=2)) == [3, 2]
    assert list(world.images.table()["status"])[1] == "uncertain"


def test_what_is_asked_for_together_must_all_be_so(world: World) -> None:
    anna = world.pseudonyms.of("anna")
    world.add(1, detected_animal="cat", user_id=anna)
    world.add(2, detected_animal="dog", user_id=anna)
    world.add(3, detected_animal="cat")
    world.add(4, "uncertain", detected_animal="cat", user_id=anna)
    assert numbers(world.images.table(user="anna")) == [4, 2, 1]
    assert numbers(world.images.table(user=anna, label="cat")) == [4, 1]
    assert numbers(world.images.table(user="anna", label="cat", status="organised")) == [1]
    assert numbers(world.images.table(label="cat", since="2026-11-20T15:00:00Z")) == [4, 3]
    assert numbers(world.images.table(until=NOON + timedelta(hours=2))) == [2, 1]
    assert world.images.table(user="bert").empty


@pytest.mark.parametrize("wrong", [{"status": "lost"}, {"label": "cow"}, {"since": "noon"}])
def test_what_there_is_none_of_is_refused(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused):
        world.images.table(**wrong)


def test_refused_files_come_with_their_reasons(world: World) -> None:
    refusal = {
        "reason": "polyglot",
        "kind": "zip",
        "sentence": "It is an archive too.",
        "file_size": 10,
        "sha256": "0" * 64,
    }
    world.add(1, "refused", refusal=refusal, s3_location=f"{BUCKET}/quarantine/{name(1)}")
    found = world.images.quarantined()
    (row,) = found.reset_index().to_dict("records")
    assert row["image"] == name(1)
    assert (row["reason"], row["kind"]) == ("polyglot", "zip")
    assert row["sentence"] == "It is an archive too."
    with pytest.raises(NotFound, match=r"was refused: It is an archive too\."):
        world.images.picture(name(1))


def test_pictures_are_the_image_itself_or_one_of_its_previews(world: World) -> None:
    world.add(1, s3_location=f"{BUCKET}/cats/1.jpeg", previews={"150": "previews/150/1.jpg"})
    world.objects.write(f"{BUCKET}/cats/1.jpeg", b"large")
    world.objects.write(f"{BUCKET}/previews/150/1.jpg", b"small")
    assert world.images.picture(name(1)) == b"large"
    assert world.images.picture(name(1), 150) == b"small"
    with pytest.raises(InvalidInput, match=r"no preview of 151 pixels\. There are: 150"):
        world.images.picture(name(1), 151)
    world.add(2, "forgotten")
    with pytest.raises(NotFound, match="it is forgotten"):
        world.images.picture(name(2))


def test_folders_are_counted_with_those_that_are_empty(world: World) -> None:
    for key in ("cats/1", "cats/2", "quarantine/3", "quarantine/3.reason.json"):
        world.objects.write(f"{BUCKET}/{key}", b"")
    found = world.images.folders()["images"]
    assert (found["cats/"], found["quarantine/"], found["dogs/"]) == (2, 1, 0)


def test_waiting_ends_with_the_last_image(world: World) -> None:
    sent = pd.DataFrame({"image": [name(1), None, name(2), name(1)]})
    world.add(1, "refused")
    told: list[tuple[int, int]] = []

    def later(_seconds: float) -> None:
        status = ProcessingStatus.ACCEPTED if len(told) < 3 else ProcessingStatus.UNCERTAIN
        world.add(2, status)

    found = world.images.wait(sent, on_progress=lambda *each: told.append(each), sleep=later)
    assert list(found["status"]) == ["refused", "uncertain"]
    assert told[:2] == [(1, 2), (1, 2)]
    assert told[-1] == (2, 2)


def test_waiting_has_an_end_and_names_what_is_missing(world: World) -> None:
    world.add(1)
    world.add(2, "accepted")
    with pytest.raises(Unavailable, match=f"2 of 3 images are still on their way: {name(2)}"):
        world.images.wait([name(1), name(2), name(3)], patience_seconds=0, sleep=lambda _: None)
