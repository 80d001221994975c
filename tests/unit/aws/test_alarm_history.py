"""When alarms rang, read from their history."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from visionml.aws.alarm_history import Ringing, times

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: int) -> datetime:
    return START.replace(second=second)


class History:
    """CloudWatch with one alarm's state updates, two on each page."""

    def __init__(self, *updates: tuple[int, str]) -> None:
        self.asked: dict[str, Any] = {}
        self._items = [
            {
                "Timestamp": at(second),
                "HistoryData": json.dumps(
                    {"newState": {"stateValue": state, "stateReason": f"{state} at {second}"}}
                ),
            }
            for second, state in updates
        ]

    def get_paginator(self, operation: str) -> "History":
        assert operation == "describe_alarm_history"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked = asked
        for first in range(0, len(self._items), 2):
            yield {"AlarmHistoryItems": self._items[first : first + 2]}


def rang(history: History) -> list[Ringing]:
    return list(times(history, "errors", since=START))  # type: ignore[arg-type]


def test_every_ringing_has_its_beginning_end_and_reason() -> None:
    history = History((1, "OK"), (5, "ALARM"), (9, "OK"), (20, "ALARM"), (21, "INSUFFICIENT_DATA"))
    assert rang(history) == [
        Ringing("errors", at(5), at(9), "ALARM at 5"),
        Ringing("errors", at(20), at(21), "ALARM at 20"),
    ]
    assert history.asked["AlarmName"] == "errors"
    assert history.asked["StartDate"] == START
    assert history.asked["ScanBy"] == "TimestampAscending"


def test_an_alarm_that_still_rings_has_no_end() -> None:
    assert rang(History((5, "ALARM"))) == [Ringing("errors", at(5), None, "ALARM at 5")]


def test_a_quiet_alarm_never_rang() -> None:
    assert rang(History()) == rang(History((3, "OK"))) == []
