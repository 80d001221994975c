"""Into the folder of an animal: once, whatever fails on the way and however often it is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.fakes.bucket import MemoryBucket, World
from tests.fakes.crashes import Crash, Crashing
from tests.fakes.image_records import IMAGE_ID, accepted
from tests.fakes.table import MemoryTable
from visionml.aws.s3 import Location
from visionml.contracts.detector import (
    Detection,
    DetectionFailure,
    Organised,
    OrganiseOrder,
    Uncertainty,
)
from visionml.contracts.images import ProcessingStatus
from visionml.errors import NotFound
from visionml.intake.organising import organise
from visionml.intake.records import KEYS, Images, order_of

CAT = Detection(animal="cat", confidence=99)
DOG = Detection(
    animal="dog", confidence=60, uncertainty=Uncertainty.LOW_CONFIDENCE, reason="Is it?"
)
FAILED = DetectionFailure(error="Unavailable", cause='{"errorMessage": "It is down."}')


@dataclass
class Place:
    world: World = field(default_factory=World)
    table: MemoryTable = field(default_factory=lambda: MemoryTable(KEYS))

    def __post_init__(self) -> None:
        self.bucket = MemoryBucket(self.world)
        self.images = Images(self.table)  # type: ignore[arg-type]
        self.images.add(accepted())
        self.bucket.write(f"accepted/{IMAGE_ID}.jpeg", b"image", content_type="image/jpeg")

    def organise(
        self, detection: Detection | None = None, failure: DetectionFailure | None = None
    ) -> Organised:
        asked = OrganiseOrder(order=order_of(accepted()), detection=detection, failure=failure)
        return organise(asked, bucket=self.bucket, images=self.images)  # type: ignore[arg-type]

    def watch(self, step: Callable[[str], None]) -> None:
        self.world.step = self.table.step = step


@pytest.mark.parametrize(
    ("detection", "folder", "status"),
    [(CAT, "cats", ProcessingStatus.ORGANISED), (DOG, "dogs", ProcessingStatus.UNCERTAIN)],
)
def test_an_image_goes_to_the_folder_of_its_animal(
    detection: Detection, folder: str, status: ProcessingStatus
) -> None:
    place = Place()
    told = place.organise(detection)
    key = f"{folder}/{IMAGE_ID}.jpeg"
    (stored,) = place.world.objects[Location("images", key)]
    record = place.images.find(IMAGE_ID)
    assert place.world.now("images") == {key: b"image"}
    assert stored.content_type == "image/jpeg"
    assert record
    assert (record.processing_status, record.s3_location) == (status, f"s3://images/{key}")
    assert (record.detected_animal, record.confidence_score) == (
        detection.animal,
        detection.confidence,
    )
    assert told == Organised(
        image_id=IMAGE_ID,
        timestamp=record.timestamp,
        key=key,
        preview_key=f"previews/300/{IMAGE_ID}.jpg",
        detection=detection,
    )


def test_an_image_that_nobody_could_look_at_is_kept_and_says_why() -> None:
    place = Place()
    told = place.organise(failure=FAILED)
    record = place.images.find(IMAGE_ID)
    assert record
    assert record.processing_status is ProcessingStatus.FAILED
    assert place.world.now("images") == {f"others/{IMAGE_ID}.jpeg": b"image"}
    assert told.detection.uncertainty is Uncertainty.NOT_LOOKED_AT
    assert told.detection.reason == record.reason
    assert record.reason.endswith(": Unavailable: It is down.")


def test_what_another_execution_has_done_is_the_answer() -> None:
    place = Place()
    first = place.organise(DOG)
    assert place.organise(CAT) == first
    assert place.organise(failure=FAILED) == first
    assert place.world.now("images") == {f"dogs/{IMAGE_ID}.jpeg": b"image"}


def test_a_copy_that_came_too_late_is_taken_back() -> None:
    place = Place()
    other = Place(place.world, place.table)

    def overtaken(step: str) -> None:
        if step == "written dogs":
            place.watch(lambda _: None)
            other.organise(CAT)

    place.watch(overtaken)
    assert place.organise(DOG).detection == CAT
    assert place.world.now("images") == {f"cats/{IMAGE_ID}.jpeg": b"image"}


def looked_at_again(place: Place) -> OrganiseOrder:
    """Have the image fail, and return the order of who looks once more."""
    place.organise(failure=FAILED)
    record = place.images.find(IMAGE_ID)
    assert record
    changed = place.images.try_again(record, retries=1)
    assert changed
    return OrganiseOrder(order=order_of(changed), detection=CAT)


def test_an_image_that_failed_goes_to_its_folder_when_it_is_looked_at_again() -> None:
    place = Place()
    asked = looked_at_again(place)
    organise(asked, bucket=place.bucket, images=place.images)  # type: ignore[arg-type]
    organise(asked, bucket=place.bucket, images=place.images)  # type: ignore[arg-type]
    record = place.images.find(IMAGE_ID)
    assert record
    assert record.processing_status is ProcessingStatus.ORGANISED
    assert (record.uncertainty, record.reason) == (None, "")
    assert place.world.now("images") == {f"cats/{IMAGE_ID}.jpeg": b"image"}


@pytest.mark.parametrize("failure", [None, FAILED])
def test_an_image_that_stays_among_the_others_is_not_deleted(
    failure: DetectionFailure | None,
) -> None:
    place = Place()
    other = Detection(animal="other", confidence=99)
    asked = looked_at_again(place).model_copy(
        update={"detection": None if failure else other, "failure": failure}
    )
    for _ in range(2):
        organise(asked, bucket=place.bucket, images=place.images)  # type: ignore[arg-type]
    assert place.world.now("images") == {f"others/{IMAGE_ID}.jpeg": b"image"}
    record = place.images.find(IMAGE_ID)
    assert record
    assert record.s3_location == f"s3://images/others/{IMAGE_ID}.jpeg"


@pytest.mark.parametrize("status", [ProcessingStatus.FORGOTTEN, None])
def test_of_a_forgotten_image_nothing_is_left(status: ProcessingStatus | None) -> None:
    place = Place()
    place.table.items.clear()
    if status:
        place.images.add(accepted(processing_status=status))
    with pytest.raises(NotFound):
        place.organise(CAT)
    assert place.world.now("images") == {}


def test_an_image_that_was_forgotten_meanwhile_leaves_nothing() -> None:
    place = Place()

    def forgotten(step: str) -> None:
        if step == "update":
            place.watch(lambda _: None)
            place.table.items.clear()

    place.watch(forgotten)
    with pytest.raises(NotFound):
        place.organise(CAT)
    assert place.world.now("images") == {}


def test_an_accepted_image_that_has_gone_is_an_error() -> None:
    place = Place()
    place.bucket.purge(f"accepted/{IMAGE_ID}.jpeg")
    with pytest.raises(NotFound):
        place.organise(CAT)
    record = place.images.find(IMAGE_ID)
    assert record
    assert record.processing_status is ProcessingStatus.ACCEPTED


def test_after_a_crash_at_any_step_it_is_done_once() -> None:
    whole = Place()
    steps = Crashing()
    whole.watch(steps)
    told = whole.organise(DOG)
    for fatal in range(steps.count):
        place = Place()
        place.watch(Crashing(fatal))
        with pytest.raises(Crash):
            place.organise(DOG)
        place.watch(lambda _: None)
        assert place.organise(DOG) == told
        assert place.world.now("images") == whole.world.now("images")
        assert place.images.find(IMAGE_ID) == whole.images.find(IMAGE_ID)
    assert steps.count >= 6
