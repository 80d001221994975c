"""Metrics in log lines: CloudWatch's embedded metric format."""

import json
from typing import Any

import pytest

from visionml.local.metrics import Datum, extract


def _line(**changes: Any) -> str:
    record: dict[str, Any] = {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "VisionML",
                    "Dimensions": [["service"], ["service", "variant"]],
                    "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
                }
            ],
        },
        "service": "adapter",
        "variant": "ModelA",
        "Latency": [12.5, 7],
    }
    return json.dumps({**record, **changes})


def test_every_dimension_set_gets_its_own_datum() -> None:
    first, second = extract(_line(), 0)
    assert first == Datum(
        "VisionML",
        {
            "MetricName": "Latency",
            "Dimensions": [{"Name": "service", "Value": "adapter"}],
            "Timestamp": 1_700_000_000.0,
            "Unit": "Milliseconds",
            "Values": [12.5, 7.0],
            "Counts": [1.0, 1.0],
        },
    )
    assert [d["Name"] for d in second.value["Dimensions"]] == ["service", "variant"]


def test_what_the_runtime_writes_before_the_json_does_not_matter() -> None:
    assert len(list(extract(f"2026-11-20T10:00:00Z 1b2c INFO {_line()}", 0))) == 2


def test_the_log_time_stands_in_for_a_missing_one() -> None:
    record = json.loads(_line())
    del record["_aws"]["Timestamp"]
    assert next(extract(json.dumps(record), 5_000)).value["Timestamp"] == 5.0


@pytest.mark.parametrize(
    "line",
    [
        "plain text",
        '{"message": "json without metrics"}',
        '{"_aws": {"CloudWatchMetrics": [',
        '{"_aws": "\\"CloudWatchMetrics\\""}',
        _line(Latency="fast"),
        _line(Latency=True),
        _line(Latency=None),
        _line(Latency=[]),
        _line(Latency=[1.0] * 101),
        _line(service=7, variant="ModelA"),
    ],
)
def test_a_line_that_breaks_the_format_is_only_a_line(line: str) -> None:
    assert list(extract(line, 0)) == []
