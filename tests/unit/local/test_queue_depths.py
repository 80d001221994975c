"""The metrics of queues: how many messages wait, and how long."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from visionml.local import ministack, queue_depths
from visionml.local.internals.watch import Waiting
from visionml.local.queue_depths import QueueDepths

NAME = "queue-of-the-depths-test"


def newest(metric: str, since: float) -> float | None:
    return ministack.metric_statistic(
        "AWS/SQS",
        metric,
        {"QueueName": NAME},
        statistic="Maximum",
        between=(since, time.time() + 1),
    )


def test_depth_and_age_are_published_while_messages_wait_and_once_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = {NAME: Waiting(3, 42.0)}
    monkeypatch.setattr(ministack, "queue_depths", lambda: waiting)
    monkeypatch.setattr(queue_depths, "EVERY_SECONDS", 0.0)
    published: list[str] = []
    own = ministack.put_metric_data

    def publish(namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        published.append(namespace)
        own(namespace, data)

    monkeypatch.setattr(ministack, "put_metric_data", publish)
    started = time.time()
    depths = QueueDepths()

    depths.measure()
    assert newest("ApproximateNumberOfMessagesVisible", started) == 3
    assert newest("ApproximateAgeOfOldestMessage", started) == 42

    waiting[NAME] = Waiting(0, 0.0)
    depths.measure()
    depths.measure()
    assert published == ["AWS/SQS", "AWS/SQS"]


def test_messages_that_are_being_worked_on_still_have_an_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ministack, "queue_depths", lambda: {NAME: Waiting(0, 1000.0)})
    started = time.time()

    QueueDepths().measure()

    assert newest("ApproximateAgeOfOldestMessage", started) == 1000
