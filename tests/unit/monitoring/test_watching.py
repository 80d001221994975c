"""One look at the answers: what is compared with what, when an alarm begins, what is published."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.fakes.objects import MemoryObjects
from visionml.contracts import watching
from visionml.contracts.inference import PIXEL_STATISTICS
from visionml.contracts.settings import DriftSettings
from visionml.monitoring.baseline import Baseline, fit
from visionml.monitoring.baselines import Baselines
from visionml.monitoring.delivered import Row
from visionml.monitoring.figures import drifts, missing, points
from visionml.monitoring.reports import Reports, rows_of
from visionml.monitoring.watching import Look, Watch
from visionml.monitoring.window import from_arrays

VERSION, CLASSES = "run-20261119-080000-a1b2", ("cat", "dog", "bird")
HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERVING = {"ModelA": VERSION}


def answers(count: int, seed: int, *, darker: float = 0.0) -> list[Row]:
    """Return rows of answers in the hour before noon, as the table of events has them."""
    chance = np.random.default_rng(seed)
    shares = chance.dirichlet((4, 2, 1), count)
    values = chance.normal(100, 10, (count, len(PIXEL_STATISTICS)))
    values[:, 0] -= darker
    return [
        {
            "prediction_id": f"{seed}-{number}",
            "time": (NOON - timedelta(seconds=1 + number % 3000)).isoformat(),
            "label": CLASSES[int(row.argmax())],
            "probabilities": list(zip(CLASSES, row.tolist(), strict=True)),
            "model_version": VERSION,
            "variant": "ModelA",
            "latency_ms": 5.0,
            "statistics": dict(zip(PIXEL_STATISTICS, value.tolist(), strict=True)),
            "embedding": None,
            "schema_version": 2,
        }
        for number, (row, value) in enumerate(zip(shares, values, strict=True))
    ]


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    rows = answers(1500, 0)
    return fit(
        from_arrays(
            classes=CLASSES,
            probabilities=np.array([[share for _, share in row["probabilities"]] for row in rows]),
            statistics=np.array([list(row["statistics"].values()) for row in rows]),
        ),
        model_version=VERSION,
        sizes=(100, 400),
    )


class Told:
    """Stands for `Delivered`."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.known: list[Row] = []

    def events(self, begin: datetime, end: datetime, *, now: datetime) -> list[Row]:
        return self.rows

    def truths(self, begin: datetime, end: datetime) -> list[Row]:
        return self.known


class Room:
    """A watch with what it reads and writes in memory."""

    def __init__(self, baseline: Baseline) -> None:
        self.told, self.objects = Told(), MemoryObjects()
        self.baselines = Baselines(self.objects, "models")
        self.baselines.write(VERSION, baseline)
        self.reports = Reports(self.objects, "results")
        self.watch = Watch(
            delivered=self.told,  # type: ignore[arg-type]
            reports=self.reports,
            baselines=self.baselines.find,
            settings=DriftSettings(),
            page=lambda report, past, stays, days: (
                f"{report.state} after {len(past)}: {stays.alarm}, {len(days)} days"
            ),
        )

    def look(
        self, rows: Sequence[Row] = (), *, end: datetime = NOON, serving: Any = SERVING
    ) -> list[Look]:
        self.told.rows = list(rows)
        begin = NOON - HOUR
        return self.watch.look(serving, begin=begin, end=end, now=end + timedelta(minutes=5))


@pytest.fixture
def room(baseline: Baseline) -> Room:
    return Room(baseline)


def figures(looks: Sequence[Look]) -> dict[str, float]:
    return next(point.figures for point in points(looks) if not point.variant)


def test_answers_like_the_baselines_are_no_drift(room: Room) -> None:
    (look,) = room.look(answers(300, 1))
    assert (look.report.state, look.persistence.alarm) == ("ok", False)
    assert look.watched.samples == 300
    found = figures([look])
    assert (found[watching.RUNS], found[watching.ALARM]) == (1, 0)
    assert found[watching.SCORE] < 1
    assert drifts([look], datasets={}) == []
    assert missing([look]) == []


def test_an_alarm_begins_once_when_drift_stays(room: Room) -> None:
    dark = answers(300, 2, darker=8)
    looks = [room.look(dark, end=NOON + number * HOUR / 60)[0] for number in range(3)]
    assert [look.report.drifted for look in looks] == [True, True, True]
    assert [look.persistence.alarm for look in looks] == [False, True, True]
    assert [look.begun for look in looks] == [False, True, False]
    (told,) = drifts(looks, datasets={VERSION: "digits"})
    assert (told.dataset, told.variant, told.since) == ("digits", "ModelA", NOON)
    assert "brightness" in told.moved
    assert figures(looks[1:2])[watching.ALARM] == 1
    (again,) = room.look(dark, end=NOON + HOUR / 60)
    assert again.begun


def test_reports_are_kept_as_json_page_and_rows(room: Room) -> None:
    (look,) = room.look(answers(300, 2, darker=8))
    (past,) = room.reports.past(VERSION, "ModelA", most=5)
    assert past == look.report
    assert room.reports.pairs() == [(VERSION, "ModelA")]
    assert room.reports.page(past) == "drifted after 0: False, 7 days"
    assert room.reports.past(VERSION, "ModelA", most=5, before=NOON) == []
    whole, *single = rows_of(past)
    assert (whole["statistic"], whole["drifted"]) == ("all", True)
    assert {each["statistic"] for each in single if each["drifted"]} == set(past.moved)
    assert any(key.startswith("drift/date=2026-11-20/") for key in room.objects.keys("s3://"))


def test_a_version_that_nobody_asks_is_reported_as_such(room: Room) -> None:
    (look,) = room.look()
    assert (look.report.state, look.report.window.samples) == ("not_enough_data", 0)
    found = figures([look])
    assert (found[watching.UNTESTED], found[watching.ALARM]) == (1, 0)
    assert watching.SCORE not in found


def test_a_version_without_a_baseline_is_told_of_and_asked_for(room: Room) -> None:
    looks = room.look(answers(300, 1), serving={"ModelA": VERSION, "ModelB": "run-other"})
    other = next(look for look in looks if look.report.variant == "ModelB")
    assert other.report.state == "no_baseline"
    assert figures(looks)[watching.NO_BASELINE] == 1
    assert [each.model_version for each in missing(looks)] == ["run-other"]


def test_answers_of_a_version_without_a_baseline_are_counted(room: Room) -> None:
    rows = [{**row, "model_version": "run-old"} for row in answers(120, 3)]
    looks = {look.report.model_version: look.report for look in room.look(rows)}
    assert looks["run-old"].state == "no_baseline"
    assert looks["run-old"].window.samples == 120


def test_too_few_answers_are_counted_over_several_looks(room: Room) -> None:
    states = []
    for number in range(6):
        rows = answers(30, 10 + number, darker=25)
        for row in rows:
            moment = NOON + number * HOUR - timedelta(seconds=1 + int(row["prediction_id"][3:]))
            row["time"] = moment.isoformat()
        room.told.rows = rows
        end = NOON + number * HOUR
        (look,) = room.watch.look(SERVING, begin=end - HOUR, end=end, now=end)
        states.append((look.report.mode, look.report.state))
    assert states[0] in {("window", "not_enough_data"), ("sequential", "drifted")}
    assert ("sequential", "drifted") in states


def test_accuracy_is_of_the_truths_that_were_told(room: Room) -> None:
    room.told.known = [
        {
            "prediction_id": f"t{number}",
            "time": (NOON - timedelta(days=2)).isoformat(),
            "label": "cat",
            "predicted": "cat" if number % 4 else "dog",
            "model_version": VERSION,
            "variant": "ModelA",
        }
        for number in range(40)
    ]
    looks = room.look(answers(300, 1))
    found = figures(looks)
    assert (found[watching.ACCURACY], found[watching.LABELLED]) == (0.75, 40)
    room.told.known = room.told.known[:10]
    assert watching.ACCURACY not in figures(room.look(answers(300, 1)))


def test_while_nothing_serves_there_is_a_heartbeat_alone(room: Room) -> None:
    assert room.look(serving={}) == []
    assert figures([]) == {watching.RUNS: 1, watching.ALARM: 0, watching.NO_BASELINE: 0}


def test_a_baseline_of_another_release_counts_as_none(room: Room) -> None:
    address = f"s3://models/monitoring/{VERSION}/baseline.npz"
    room.objects.write(address, b"PK nothing")
    assert room.baselines.find(VERSION) is None
    (look,) = room.look(answers(300, 1))
    assert look.report.state == "no_baseline"
