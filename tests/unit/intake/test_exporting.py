"""Records of images as rows for queries."""

import json
from datetime import date, timedelta

from tests.fakes.image_records import TIME, accepted
from tests.fakes.objects import MemoryObjects
from tests.fakes.table import MemoryTable
from visionml.contracts.images import LARGEST_PAGE, ProcessingStatus
from visionml.contracts.tables import IMAGE_RECORDS
from visionml.intake.exporting import Exporter, row_of
from visionml.intake.records import KEYS, Images

_DAY = date(2026, 11, 20)
_ADDRESS = "s3://results/images/date=2026-11-20/records-10.json"


def made(table: MemoryTable, objects: MemoryObjects) -> Exporter:
    return Exporter(Images(table), objects, "results")  # type: ignore[arg-type]


def test_a_row_has_the_tables_columns_and_nobodys_name() -> None:
    row = row_of(accepted(user_id="somebody", confidence_score=90.5, detected_animal="cat"))

    assert list(row) == [name for name, _kind, _about in IMAGE_RECORDS.columns]
    assert "somebody" not in json.dumps(row)
    assert (row["label"], row["status"], row["confidence"]) == ("cat", "accepted", 90.5)


def test_a_day_is_exported_hour_by_hour_and_again_with_what_is_new() -> None:
    table, objects = MemoryTable(keys=KEYS), MemoryObjects()
    images, exporter = Images(table), made(table, objects)  # type: ignore[arg-type]
    for number in range(LARGEST_PAGE + 3):
        images.add(accepted(f"{number:032x}"))
    images.add(accepted("f" * 32, timestamp=TIME + timedelta(hours=1)))
    images.add(accepted("e" * 32, timestamp=TIME + timedelta(days=1)))

    assert exporter.export(_DAY) == LARGEST_PAGE + 4
    assert sorted(objects.objects) == [_ADDRESS, _ADDRESS.replace("10.json", "11.json")]

    images.organise(accepted(f"{1:032x}", processing_status=ProcessingStatus.ORGANISED))
    exporter.export(_DAY)
    rows = [json.loads(line) for line in objects.objects[_ADDRESS].splitlines()]
    assert len(rows) == len({row["image_id"] for row in rows}) == LARGEST_PAGE + 3
    assert [row["status"] for row in rows].count("organised") == 1


def test_an_hour_that_has_no_images_any_more_is_emptied() -> None:
    table, objects = MemoryTable(keys=KEYS), MemoryObjects({_ADDRESS: b'{"image_id": "x"}\n'})

    assert made(table, objects).export(_DAY) == 0
    assert list(objects.objects) == [_ADDRESS]
    assert len(objects.objects[_ADDRESS]) == 0
