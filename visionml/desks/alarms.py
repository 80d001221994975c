"""The alarms that watch the platform."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from visionml.aws.alarm_history import times
from visionml.aws.errors import translated
from visionml.desks.platform import Platform


class Alarms:
    """The CloudWatch alarms of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def states(self) -> pd.DataFrame:
        """Return every alarm's state and what it watches."""
        platform = self._platform
        ending = f"-{platform.names.environment}-{platform.names.region}"
        pages = platform.aws.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{platform.names.prefix}-",
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        with translated("read the alarms"):
            found: list[dict[str, Any]] = [
                dict(alarm)
                for page in pages
                for alarm in (*page.get("CompositeAlarms", ()), *page["MetricAlarms"])
            ]
        rows = [
            {
                "alarm": alarm["AlarmName"].removesuffix(ending),
                "state": alarm["StateValue"],
                "watches": alarm.get("AlarmDescription") or alarm.get("MetricName", ""),
                "threshold": alarm.get("Threshold"),
            }
            for alarm in found
            if alarm["AlarmName"].endswith(ending)
        ]
        columns = ["alarm", "state", "watches", "threshold"]
        return pd.DataFrame(rows, columns=pd.Index(columns)).set_index("alarm")

    def history(self, *, hours: float = 24) -> pd.DataFrame:
        """Return each time that an alarm has rung in the last hours, the first one first.

        ``ended`` is empty where it rings still.
        """
        names = self._platform.names
        ending = f"-{names.environment}-{names.region}"
        since = datetime.now(UTC) - timedelta(hours=hours)
        rang = [
            (alarm, each.began, each.ended, each.reason)
            for alarm in self.states().index
            for each in times(self._platform.aws.cloudwatch, f"{alarm}{ending}", since=since)
        ]
        columns = pd.Index(["alarm", "began", "ended", "reason"])
        return pd.DataFrame(rang, columns=columns).sort_values("began", ignore_index=True)
