"""Images left behind: started again once a try, as often as allowed, and told of once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.image_records import IMAGE_ID, TIME, accepted
from tests.fakes.table import MemoryTable
from visionml.contracts.detector import DetectionFailure, DetectionOrder, Organised, Uncertainty
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.intake.deciding import not_looked_at
from visionml.intake.records import KEYS, Images, with_detection
from visionml.intake.retrying import LOOKED_BACK, Outcome, Retrier, too_small

DOWN = not_looked_at(DetectionFailure(error="Unavailable", cause="It is down."))
PLACE = f"s3://images/others/{IMAGE_ID}.jpeg"


def failed(**changes: Any) -> ImageRecord:
    return with_detection(accepted(), DOWN, PLACE).model_copy(update=changes)


@dataclass
class Place:
    attempts: int = 3
    table: MemoryTable = field(default_factory=lambda: MemoryTable(KEYS))
    started: list[tuple[str, DetectionOrder]] = field(default_factory=list)
    told: list[Organised] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = Images(self.table)  # type: ignore[arg-type]
        self.retrier = Retrier(
            self.images,
            lambda order, name: self.started.append((name, order)),
            self.told.append,
            self.attempts,
        )

    def having(self, record: ImageRecord) -> "Place":
        self.images.add(record)
        return self

    def retry(self, *, asked: bool = False) -> Outcome:
        return self.retrier.retry(self.record, asked=asked)

    @property
    def record(self) -> ImageRecord:
        found = self.images.find(IMAGE_ID)
        assert found
        return found

    def due(self, before: datetime) -> list[str]:
        statuses = (ProcessingStatus.ACCEPTED, ProcessingStatus.FAILED)
        found = [self.retrier.due(status, before=before) for status in statuses]
        return [record.image_id for each in found for record in each]


def test_an_image_whose_execution_never_ended_is_started_again() -> None:
    place = Place().having(accepted())
    assert place.retry() is Outcome.STARTED
    ((name, order),) = place.started
    assert name == f"{IMAGE_ID}-again-1"
    assert order.key == f"accepted/{IMAGE_ID}.jpeg"
    assert not order.told
    assert (place.record.processing_status, place.record.retries) == (ProcessingStatus.ACCEPTED, 1)


def test_a_failed_image_is_accepted_again_where_it_lies_and_people_know_already() -> None:
    place = Place().having(failed())
    assert place.retry() is Outcome.STARTED
    ((_, order),) = place.started
    assert order.key == f"others/{IMAGE_ID}.jpeg"
    assert order.told
    assert place.record.processing_status is ProcessingStatus.ACCEPTED


def test_two_who_try_at_once_are_one() -> None:
    place = Place().having(failed())
    seen = place.record
    assert place.retrier.retry(seen) is Outcome.STARTED
    assert place.retrier.retry(seen) is Outcome.UNCHANGED
    assert len(place.started) == 1


def test_an_image_that_was_looked_at_meanwhile_is_left_alone() -> None:
    organised = accepted(processing_status=ProcessingStatus.ORGANISED)
    assert Place().having(organised).retry() is Outcome.UNCHANGED


@pytest.mark.parametrize(("record", "told"), [(accepted(), 1), (failed(), 0)])
def test_an_image_is_given_up_after_the_last_attempt_and_told_of_once(
    record: ImageRecord, told: int
) -> None:
    place = Place(attempts=2).having(record)
    outcomes = [place.retry() for _ in range(3)]
    assert outcomes == [Outcome.STARTED, Outcome.STARTED, Outcome.GIVEN_UP]
    assert place.record.processing_status is ProcessingStatus.FAILED
    assert place.record.given_up
    assert place.record.uncertainty is Uncertainty.NOT_LOOKED_AT
    assert place.record.s3_location == record.s3_location
    # who failed before was told of then
    assert len(place.told) == told
    assert place.due(TIME + timedelta(hours=1)) == []


def test_somebodys_wish_counts_anew() -> None:
    place = Place(attempts=1).having(failed(retries=1, given_up=True))
    assert place.retry(asked=True) is Outcome.STARTED
    assert place.record.retries == 1
    assert place.record.given_up is None


@pytest.mark.parametrize(
    ("width", "height", "small"),
    [(79, 400, True), (80, 80, False), (4000, 390, True), (4000, 400, False), (64, 64, True)],
)
def test_what_rekognition_never_looks_at_is_not_tried_again(
    width: int, height: int, *, small: bool
) -> None:
    record = failed(width=width, height=height)
    assert too_small(record) is small
    place = Place().having(record)
    expected = Outcome.TOO_SMALL if small else Outcome.STARTED
    assert place.retry(asked=True) is expected
    assert len(place.started) == (not small)


def test_a_small_image_that_was_never_looked_at_is_to_end_somewhere() -> None:
    assert Place().having(accepted(width=20, height=20)).retry() is Outcome.STARTED


def test_only_images_of_some_age_are_due_and_those_of_long_ago_are_not() -> None:
    place = Place().having(accepted())
    assert place.due(TIME - timedelta(seconds=1)) == []
    assert place.due(TIME + timedelta(minutes=15)) == [IMAGE_ID]
    assert place.due(TIME + LOOKED_BACK + timedelta(seconds=1)) == []
    late = TIME + 2 * LOOKED_BACK
    asked = place.retrier.due(ProcessingStatus.ACCEPTED, before=late, all_of_them=True)
    assert len(list(asked)) == 1
