"""Images that nobody has looked at, or could: the detector is started again for them, for a while.

An execution that ended as a whole leaves an image accepted; one that could not ask Rekognition
leaves it failed, in the folder of others, and people were told. Who starts the detector again
writes so into the image's record first, under a condition: two that try at once are one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from visionml.contracts.detector import (
    SMALLEST_SIDE,
    DetectionFailure,
    DetectionOrder,
    Organised,
    Uncertainty,
)
from visionml.contracts.images import LARGEST_PAGE, STATUS_INDEX, ImageRecord, ProcessingStatus
from visionml.intake.deciding import not_looked_at
from visionml.intake.moments import moment_text
from visionml.intake.organising import organised_of
from visionml.intake.questions import Question
from visionml.intake.records import Images, order_of

LOOKED_BACK = timedelta(days=7)
"""Older images are left to people."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
WAITING = (ProcessingStatus.ACCEPTED, ProcessingStatus.FAILED)
"""What images are that nobody has looked at."""


class Outcome(StrEnum):
    """What became of one image."""

    STARTED = "started"
    TOO_SMALL = "too small"
    """Rekognition would never look at it."""
    GIVEN_UP = "given up"
    """It was tried as often as the settings allow; people are told."""
    UNCHANGED = "unchanged"
    """Somebody looks or has looked at it, or nothing is left to be done for it."""


@dataclass(frozen=True)
class Retrier:
    """Starts the detector again."""

    images: Images
    detect: Callable[[DetectionOrder, str], None]
    """Starts the detector under a name."""
    tell: Callable[[Organised], None]
    """Tells people of an image that nobody could look at."""
    attempts: int

    def due(
        self, status: ProcessingStatus, *, before: datetime, all_of_them: bool = False
    ) -> Iterator[ImageRecord]:
        """Yield the images of a status that were sent before a moment, the newest first.

        Unless all of them are asked for, those that were given up, or sent long before, are not
        among them.
        """
        after = EARLIEST if all_of_them else before - LOOKED_BACK
        question = Question(
            index_name=STATUS_INDEX,
            partition=("ProcessingStatus", status.value),
            between=(moment_text(after), moment_text(before)),
            also={},
            limit=LARGEST_PAGE,
            after=None,
        )
        while True:
            page = self.images.ask(question)
            yield from (each for each in page.images if all_of_them or not each.given_up)
            if page.next is None:
                return
            question = question.going_on(page.next)

    def retry(self, record: ImageRecord, *, asked: bool = False) -> Outcome:
        """Start the detector for an image unless it has been done too often.

        Where somebody has asked for it, it starts counting anew.
        """
        if record.processing_status not in WAITING:
            return Outcome.UNCHANGED
        if record.processing_status is ProcessingStatus.FAILED and too_small(record):
            return Outcome.TOO_SMALL
        done = 0 if asked else record.retries or 0
        if done >= self.attempts:
            return self._given_up(record)
        changed = self.images.try_again(record, retries=done + 1)
        if changed is None:
            return Outcome.UNCHANGED
        order = order_of(changed)
        self.detect(order, f"{order.image_id}-again-{done + 1}")
        return Outcome.STARTED

    def _given_up(self, record: ImageRecord) -> Outcome:
        told = record.uncertainty is Uncertainty.NOT_LOOKED_AT
        failure = DetectionFailure(
            error="Detector.NotEnded",
            cause=f"no execution of the detector has ended, of {self.attempts} that were started"
            " again",
        )
        detection = not_looked_at(failure)
        if told:
            detection = detection.model_copy(update={"reason": record.reason})
        changed = self.images.give_up(record, detection)
        if changed is None:
            return Outcome.UNCHANGED
        if not told:
            self.tell(organised_of(changed))
        return Outcome.GIVEN_UP


def too_small(record: ImageRecord) -> bool:
    """Tell whether the largest preview, which Rekognition is shown, is smaller than it takes."""
    if record.width is None or record.height is None or not record.previews:
        return False
    shorter, longer = sorted((record.width, record.height))
    shrunk = min(1.0, max(map(int, record.previews)) / longer)
    return round(shorter * shrunk) < SMALLEST_SIDE


def before(seconds: int) -> datetime:
    """Return the moment so long ago."""
    return datetime.now(UTC) - timedelta(seconds=seconds)
