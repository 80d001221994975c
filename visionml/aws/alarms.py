"""CloudWatch alarms, as far as a rollout depends on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

IN_ALARM = "ALARM"


@dataclass(frozen=True)
class WatchedMetric:
    """A metric that an alarm looks at."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class Alarm:
    """One metric or composite alarm as it stands now."""

    name: str
    state: str
    """``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``."""
    reason: str = ""
    metrics: tuple[WatchedMetric, ...] = ()
    """Empty for a composite alarm."""


def describe(cloudwatch: "CloudWatchClient", names: Sequence[str]) -> dict[str, Alarm]:
    """Return those of at most 100 alarms that exist, by name."""
    if not names:
        return {}
    with translated("describe the rollback alarms"):
        found = cloudwatch.describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    alarms: list[Mapping[str, Any]] = [
        *found.get("MetricAlarms", []),
        *found.get("CompositeAlarms", []),
    ]
    return {
        alarm["AlarmName"]: Alarm(
            alarm["AlarmName"],
            alarm.get("StateValue", "INSUFFICIENT_DATA"),
            alarm.get("StateReason", ""),
            tuple(_metrics(alarm)),
        )
        for alarm in alarms
    }


def _metrics(alarm: Mapping[str, Any]) -> list[WatchedMetric]:
    queries = [
        each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each
    ]
    single = [alarm] if alarm.get("MetricName") else []
    return [
        WatchedMetric(
            metric["Namespace"],
            metric["MetricName"],
            {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])},
        )
        for metric in (*queries, *single)
    ]
