"""The truth of an answer is told once, fits its model, and is counted for who gave the answer."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.table import MemoryTable
from visionml.contracts.inference import InferenceEvent
from visionml.errors import Conflict, NotFound, RequestRefused, Unavailable
from visionml.serving.truth_records import TruthRecords
from visionml.serving.truths import ReportedClasses, Truths

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def event(prediction_id: str, *, variant: str = "ModelA", **more: Any) -> InferenceEvent:
    return InferenceEvent(
        **{
            "prediction_id": prediction_id,
            "time": NOW,
            "image_sha256": "ab",
            "variant": variant,
            "latency_ms": 3.5,
            "label": "7",
            "probability": 0.9,
            "probabilities": {"7": 0.9, "1": 0.1},
            "model_version": f"run-{variant}",
            "embedding": "AAA=",
            **more,
        }
    )


def classes(_version: str) -> Sequence[str]:
    return ("1", "7")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def truths(table: MemoryTable) -> Truths:
    return Truths(table, days=2, clock=NOW.timestamp, sleep=lambda _seconds: None)  # type: ignore[arg-type]


def counts(truths: Truths, since: datetime = NOW, until: datetime = NOW) -> list[tuple[Any, ...]]:
    found = truths.counts(since=since, until=until)
    return [(each.hour, each.variant, each.labelled, each.right) for each in found]


def test_of_an_answer_only_that_is_kept_which_its_truth_needs(
    truths: Truths, table: MemoryTable
) -> None:
    truths.keep([event("p1")])
    truths.keep([event("p1")])
    (item,) = table.items.values()
    assert set(item) == {
        "PK", "SK", "expirationTime", "prediction_id", "time", "variant", "model_version", "label",
        "probability",
    }  # fmt: skip
    assert item["expirationTime"] == NOW.timestamp() + 2 * 86_400


def test_a_truth_is_counted_for_the_hour_the_variant_and_the_model(truths: Truths) -> None:
    truths.keep([event("p1"), event("p2"), event("p3", variant="ModelB")])
    assert truths.tell("p1", "7", classes=classes).right
    assert not truths.tell("p2", "1", classes=classes).right
    assert truths.tell("p3", "7", classes=classes).predicted == "7"
    hour = NOW.replace(minute=0)
    assert counts(truths) == [(hour, "ModelA", 2, 1), (hour, "ModelB", 1, 1)]


def test_telling_it_again_changes_nothing_and_another_truth_is_refused(truths: Truths) -> None:
    truths.keep([event("p1")])
    first = truths.tell("p1", "1", classes=classes)
    assert truths.tell("p1", "1", classes=classes) == first
    with pytest.raises(RequestRefused) as refused:
        truths.tell("p1", "7", classes=classes)
    assert (refused.value.status, refused.value.code) == (409, "other_truth")
    assert [found[2:] for found in counts(truths)] == [(1, 0)]


def test_what_was_never_answered_or_is_forgotten_has_no_truth(table: MemoryTable) -> None:
    now = [NOW.timestamp()]
    truths = Truths(table, days=2, clock=lambda: now[0])  # type: ignore[arg-type]
    truths.keep([event("p1")])
    now[0] += 2 * 86_400
    for unknown in ("p1", "p2"):
        with pytest.raises(RequestRefused) as refused:
            truths.tell(unknown, "7", classes=classes)
        assert (refused.value.status, refused.value.code) == (404, "unknown_prediction")


def test_a_class_that_the_model_does_not_have_is_refused(truths: Truths) -> None:
    truths.keep([event("p1")])
    with pytest.raises(RequestRefused, match="It tells apart: 1, 7") as refused:
        truths.tell("p1", "cat", classes=classes)
    assert (refused.value.status, refused.value.code) == (422, "unknown_class")
    assert not truths.tell("p1", "cat", classes=lambda _version: None).right


def test_truths_of_one_hour_that_meet_are_all_counted(
    truths: Truths, table: MemoryTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths.keep([event("p1")])
    write, meetings = table.put_and_count, [3]

    def meet(*given: Any, **more: Any) -> None:
        if meetings[0]:
            meetings[0] -= 1
            raise Conflict("Transaction in progress.")
        write(*given, **more)

    monkeypatch.setattr(table, "put_and_count", meet)
    truths.tell("p1", "7", classes=classes)
    assert [found[2:] for found in counts(truths)] == [(1, 1)]
    meetings[0] = 100
    truths.keep([event("p2")])
    with pytest.raises(Unavailable):
        truths.tell("p2", "7", classes=classes)


def test_counts_are_those_of_the_hours_asked_for(truths: Truths) -> None:
    hours = [NOW - timedelta(hours=30), NOW - timedelta(hours=2), NOW]
    truths.keep([event(f"p{n}", time=hour) for n, hour in enumerate(hours)])
    for number in range(3):
        truths.tell(f"p{number}", "7", classes=classes)
    assert len(counts(truths, since=NOW - timedelta(days=2))) == 3
    assert len(counts(truths, since=NOW - timedelta(hours=3))) == 2
    assert len(counts(truths, since=NOW)) == 1


def test_a_versions_classes_are_read_once_and_a_lost_report_knows_none() -> None:
    asked: list[str] = []

    class Bucket:
        def read_json(self, address: str) -> Any:
            asked.append(address)
            if "gone" in address:
                raise NotFound("No.")
            return {"classes": {"1": {}, "7": {}}}

    known = ReportedClasses(Bucket(), "models")  # type: ignore[arg-type]
    assert [known("run-1"), known("run-1")] == [("1", "7")] * 2
    assert [known("gone"), known("gone")] == [None] * 2
    assert asked == [
        "s3://models/runs/run-1/evaluation/report.json",
        "s3://models/runs/gone/evaluation/report.json",
    ]


def test_a_truth_is_a_row_of_the_answers_day_however_often_it_is_told(table: MemoryTable) -> None:
    objects = MemoryObjects()
    truths = Truths(
        table,  # type: ignore[arg-type]
        days=2,
        clock=NOW.timestamp,
        records=TruthRecords(objects, "results"),  # type: ignore[arg-type]
    )
    truths.keep([event("p/1")])
    truths.tell("p/1", "1", classes=classes)
    ((address, content),) = objects.objects.items()
    objects.objects.clear()  # it could not be written, say
    truths.tell("p/1", "1", classes=classes)

    assert objects.objects == {address: content}
    assert address == "s3://results/truths/date=2026-11-20/p%2F1.json"
    assert json.loads(content) == {
        "prediction_id": "p/1",
        "time": "2026-11-20T09:30:00+00:00",
        "label": "1",
        "predicted": "7",
        "correct": False,
        "model_version": "run-ModelA",
        "variant": "ModelA",
    }
