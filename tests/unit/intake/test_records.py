"""The images table in terms of records."""

from datetime import datetime

from tests.fakes.image_records import IMAGE_ID, TIME, accepted
from tests.fakes.table import MemoryTable
from visionml.contracts.detector import Detection, Uncertainty
from visionml.contracts.images import ProcessingStatus
from visionml.intake.moments import moment_text
from visionml.intake.records import KEYS, Images, order_of, with_detection

CAT = Detection(animal="cat", confidence=64, uncertainty=Uncertainty.LOW_CONFIDENCE, reason="It.")


def images() -> Images:
    return Images(MemoryTable(KEYS))  # type: ignore[arg-type]


def test_a_record_is_read_as_it_was_written_and_written_once() -> None:
    table = images()
    assert table.find(IMAGE_ID) is None
    assert table.add(accepted())
    assert not table.add(accepted(file_size=2))
    assert table.find(IMAGE_ID) == accepted()


def test_only_an_accepted_image_is_organised() -> None:
    table = images()
    changed = with_detection(accepted(), CAT, "s3://images/cats/1.jpeg")
    assert not table.organise(changed)
    table.add(accepted())
    assert table.organise(changed)
    assert not table.organise(with_detection(accepted(), CAT, "s3://images/dogs/1.jpeg"))
    found = table.find(IMAGE_ID)
    assert found == changed
    assert found.processing_status is ProcessingStatus.UNCERTAIN
    assert found.content_hash == accepted().content_hash


def test_the_detector_is_shown_the_largest_preview() -> None:
    order = order_of(accepted())
    assert order.picture == f"previews/800/{IMAGE_ID}.jpg"
    assert (order.key, order.timestamp) == (f"accepted/{IMAGE_ID}.jpeg", TIME)


def test_a_time_is_the_same_text_in_any_zone() -> None:
    there = datetime.fromisoformat("2026-11-20T19:15:00.999+09:00")
    assert moment_text(there) == moment_text(TIME) == accepted().item()["Timestamp"]
