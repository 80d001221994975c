"""CloudWatch's answers become one figure each."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from visionml.aws import variant_metrics

SINCE = datetime(2026, 11, 20, 9, 30, 20, tzinfo=UTC)


class CloudWatch:
    def __init__(self, **values: list[float]) -> None:
        self.values = values
        self.asked: dict[str, Any] = {}

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {
            "MetricDataResults": [
                {"Id": query["Id"], "Values": self.values.get(query["Id"], [])}
                for query in asked["MetricDataQueries"]
            ]
        }


def read(cloudwatch: CloudWatch, minutes: float = 90) -> variant_metrics.VariantFigures:
    until = SINCE + timedelta(minutes=minutes)
    return variant_metrics.read(
        cloudwatch,  # type: ignore[arg-type]
        "endpoint",
        "ModelB",
        since=SINCE,
        until=until,
    )


def test_parts_are_added_and_percentiles_weighed_by_their_numbers() -> None:
    found = read(
        CloudWatch(
            invocations=[30.0, 10.0],
            failed=[1.0],
            p50=[2000.0, 6000.0],
            p99=[8000.0, 8000.0],
            measured=[30.0, 10.0],
        )
    )
    assert (found.invocations, found.failed) == (40, 1)
    assert (found.latency_p50_ms, found.latency_p99_ms) == pytest.approx((3.0, 8.0))


def test_the_whole_time_is_asked_for_at_once_and_of_that_variant_alone() -> None:
    cloudwatch = CloudWatch()
    found = read(cloudwatch)
    stats = [each["MetricStat"] for each in cloudwatch.asked["MetricDataQueries"]]
    assert {each["Period"] for each in stats} == {90 * 60}
    assert {each["Metric"]["Dimensions"][1]["Value"] for each in stats} == {"ModelB"}
    assert cloudwatch.asked["StartTime"].second == 0
    assert found.invocations == 0
    assert math.isnan(found.latency_p99_ms)
