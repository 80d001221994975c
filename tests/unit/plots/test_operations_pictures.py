"""Pictures of a platform at work, and of what the saved queries answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from visionml.errors import NotFound
from visionml.plots import answers, operations
from visionml.plots.picture import Picture

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDPOINT = ["variant", "invocations", "errors", "p50 ms", "p90 ms", "p99 ms"]
API = ["requests", "refused", "failed", "p50 ms", "p90 ms", "p99 ms"]


def minutes(columns: list[str], *rows: tuple[Any, ...]) -> pd.DataFrame:
    index = pd.DatetimeIndex([NOON + timedelta(minutes=row[0]) for row in rows])
    return pd.DataFrame([row[1:] for row in rows], index=index, columns=pd.Index(columns))


def made(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(columns.split()))


def test_answers_of_both_variants_are_counted_with_their_errors() -> None:
    table = minutes(
        ENDPOINT,
        (0, "ModelA", 8.0, 1.0, 2.0, 3.0, 4.0),
        (0, "ModelB", 2.0, 0.0, 2.0, 3.0, 4.0),
        (7, "ModelA", 5.0, 0.0, 2.0, None, None),
    )
    drawn = operations.endpoint(table)
    assert drawn.description == "15 answers in 2 minutes: ModelA 13, ModelB 2; 1 errors."
    assert drawn.png().startswith(b"\x89PNG")


def test_requests_are_told_apart_by_how_they_ended() -> None:
    drawn = operations.api(minutes(API, (0, 9.0, 2.0, 1.0, 5, 6, 7), (1, 3.0, 0.0, 0.0, 5, 6, 7)))
    assert drawn.description == "12 requests: 9 answered, 2 refused, 1 failed."


def test_alarms_that_ring_still_are_told() -> None:
    history = pd.DataFrame(
        [
            ("stream-failures", NOON, NOON + timedelta(minutes=5), "many"),
            ("api-errors", NOON + timedelta(hours=1), None, "some"),
        ],
        columns=pd.Index(["alarm", "began", "ended", "reason"]),
    )
    drawn = operations.alarms(history)
    assert drawn.description == "2 alarms rang, 1 ring still: stream-failures, api-errors."
    assert drawn.png().startswith(b"\x89PNG")


ACCURACY = made(
    "date variant model_version told correct accuracy",
    ("2026-11-19", "ModelA", "v1", 30, 27, 0.9),
    ("2026-11-20", "ModelA", "v1", 6, 6, 1.0),
    ("2026-11-20", "ModelA", "v2", 4, 2, 0.5),
    ("2026-11-20", "ModelB", "v1", 10, 9, 0.9),
)
LATENCY = made(
    "date variant answers p50_ms p90_ms p99_ms",
    ("2026-11-19", "ModelA", 10, 4.0, 6.0, 20.0),
    ("2026-11-20", "ModelB", 10, 4.0, 6.0, 31.0),
)
SHIFT = made("label share share_before shift", ("1", 0.7, 0.5, 0.2), ("7", 0.3, 0.5, -0.2))
CONFIDENCE = made(
    "model_version answers from_probability", ("v1", 3, 0.9), ("v1", 1, 0.3), ("v2", 4, 0.0)
)
COST = made("date answers day_usd usd_per_answer", ("2026-11-20", 1000, 12.0, 0.012))
PICTURES: dict[str, tuple[Callable[[pd.DataFrame], Picture], pd.DataFrame, str]] = {
    "accuracy": (answers.accuracy, ACCURACY, "Of 50 answers whose truth was told, 88% were right."),
    "latency": (answers.latency, LATENCY, "31 ms"),
    "shift": (answers.shift, SHIFT, "1 has shifted most, by +20.0%."),
    "confidence": (answers.confidence, CONFIDENCE, "38% of the answers"),
    "cost": (answers.cost, COST, "cost 12.00 USD"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_a_saved_query_answers_is_drawn_and_told(name: str) -> None:
    draw, table, told = PICTURES[name]
    drawn = draw(table)
    assert told in drawn.description
    assert drawn.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", PICTURES)
def test_of_no_answers_there_is_no_picture(name: str) -> None:
    draw, table, _ = PICTURES[name]
    with pytest.raises(NotFound):
        draw(table.head(0))


@pytest.mark.parametrize(
    ("draw", "columns"), [(operations.endpoint, ENDPOINT), (operations.api, API)]
)
def test_where_nothing_was_measured_that_is_said(
    draw: Callable[[pd.DataFrame], Picture], columns: list[str]
) -> None:
    with pytest.raises(NotFound, match="Nothing was measured"):
        draw(minutes(columns))


def test_where_no_alarm_rang_that_is_said() -> None:
    with pytest.raises(NotFound, match="No alarm has rung"):
        operations.alarms(pd.DataFrame(columns=pd.Index(["alarm", "began", "ended", "reason"])))
