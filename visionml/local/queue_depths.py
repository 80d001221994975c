"""``AWS/SQS`` metrics: how many messages wait in each queue."""

import time

from visionml.local import ministack

EVERY_SECONDS = 5.0


class QueueDepths:
    """Publishes the depth of queues while messages wait in them, and once when none do any more."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._due = 0.0

    def measure(self) -> None:
        """Publish, if it is time to."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        depths = ministack.queue_depths()
        told = {name: depth for name, depth in depths.items() if depth or self._last.get(name)}
        self._last = depths
        for name, depth in told.items():
            datum = {
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": name}],
                "Value": float(depth),
                "Unit": "Count",
            }
            ministack.put_metric_data("AWS/SQS", [datum])
