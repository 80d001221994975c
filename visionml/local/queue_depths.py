"""``AWS/SQS`` metrics: how many messages wait in each queue, and how long."""

import time

from visionml.local import ministack

EVERY_SECONDS = 5.0


class QueueDepths:
    """Publishes the depth of queues while messages wait in them, and once when none do any more."""

    def __init__(self) -> None:
        self._last: set[str] = set()
        self._due = 0.0

    def measure(self) -> None:
        """Publish, if it is time to."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        queues = ministack.queue_depths()
        filled = {name for name, waiting in queues.items() if any(waiting)}
        for name in sorted(filled | (self._last & queues.keys())):
            visible, oldest_seconds = queues[name]
            dimensions = [{"Name": "QueueName", "Value": name}]
            figures: dict[str, tuple[float, str]] = {
                "ApproximateNumberOfMessagesVisible": (visible, "Count"),
                "ApproximateAgeOfOldestMessage": (oldest_seconds, "Seconds"),
            }
            data = [
                {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Unit": unit}
                for metric, (value, unit) in figures.items()
            ]
            ministack.put_metric_data("AWS/SQS", data)
        self._last = filled
