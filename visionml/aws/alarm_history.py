"""When CloudWatch alarms rang."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

IN_ALARM: Final = "ALARM"


class Ringing(NamedTuple):
    """One time that an alarm was in ALARM; `ended` is None while it is."""

    alarm: str
    began: datetime
    ended: datetime | None
    reason: str


def ringing(cloudwatch: "CloudWatchClient", alarms: Sequence[str]) -> list[str]:
    """Return those of at most 100 alarms that ring now."""
    with translated("read the alarms"):
        found = cloudwatch.describe_alarms(AlarmNames=list(alarms), StateValue=IN_ALARM)
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


def times(cloudwatch: "CloudWatchClient", alarm: str, *, since: datetime) -> Iterator[Ringing]:
    """Yield the times that an alarm has been in ALARM from a moment on, in order."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=alarm,
        HistoryItemType="StateUpdate",
        StartDate=since,
        ScanBy="TimestampAscending",
    )
    began: tuple[datetime, str] | None = None
    with translated(f"read the history of the alarm {alarm}"):
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
    for item in items:
        new = json.loads(item["HistoryData"])["newState"]
        if began is None and new["stateValue"] == IN_ALARM:
            began = item["Timestamp"], new.get("stateReason", "")
        elif began is not None and new["stateValue"] != IN_ALARM:
            yield Ringing(alarm, began[0], item["Timestamp"], began[1])
            began = None
    if began is not None:
        yield Ringing(alarm, began[0], None, began[1])
