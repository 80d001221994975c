"""The log lines of an execution, by level and with or without its data."""

from typing import Any

import pytest

from visionml.local.execution_logs import entries

_AT = "2026-01-01T00:00:00.250Z"
EXECUTION: dict[str, Any] = {
    "executionArn": "arn:aws:states:us-east-1:000000000000:express:machine:name:id",
    "events": [
        {"id": 1, "type": "ExecutionStarted", "timestamp": _AT,
         "executionStartedEventDetails": {"input": "{}", "roleArn": "arn:role"}},
        {"id": 2, "type": "TaskFailed", "timestamp": _AT,
         "taskFailedEventDetails": {"error": "Boom", "cause": "why"}},
        {"id": 3, "type": "ExecutionFailed", "timestamp": _AT,
         "executionFailedEventDetails": {"error": "Boom", "cause": "why"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("level", "kinds"),
    [
        ("OFF", []),
        ("FATAL", ["ExecutionFailed"]),
        ("ERROR", ["TaskFailed", "ExecutionFailed"]),
        ("ALL", ["ExecutionStarted", "TaskFailed", "ExecutionFailed"]),
    ],
)
def test_a_level_chooses_the_events(level: str, kinds: list[str]) -> None:
    assert [each["type"] for each in entries(EXECUTION, {"level": level})] == kinds


def test_an_event_tells_when_it_was_and_what_went_before() -> None:
    _, failed, _ = entries(EXECUTION, {"level": "ALL"})
    assert failed["event_timestamp"] == "1767225600250"
    assert (failed["id"], failed["previous_event_id"]) == ("2", "1")
    assert failed["execution_arn"] == EXECUTION["executionArn"]


def test_data_is_logged_where_it_is_asked_for() -> None:
    first, *_ = entries(EXECUTION, {"level": "ALL"})
    assert first["details"] == {"roleArn": "arn:role"}
    first, *_ = entries(EXECUTION, {"level": "ALL", "includeExecutionData": True})
    assert first["details"] == {"input": "{}", "roleArn": "arn:role"}
