"""What the handlers that make predictions have in common: whom they ask, and whom they tell."""

from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from visionml.aws import endpoint, stream
from visionml.aws.session import Aws
from visionml.contracts.inference import InferenceEvent
from visionml.contracts.settings import Assignment
from visionml.handlers.observability import metrics
from visionml.serving.publisher import WAIT_SECONDS, Publisher
from visionml.serving.sticky import Sticky

WEIGHTS_TIMEOUT_SECONDS = 1.0
"""To connect, and to read: whoever waits for the weights would rather have an answer."""


def publisher_to(kinesis: Any, name: str, *, wait_seconds: float = WAIT_SECONDS) -> Publisher:
    """Return what sends events to the stream of that name."""

    def send(event: InferenceEvent) -> None:
        stream.put(kinesis, name, event.model_dump_json().encode(), key=event.prediction_id)

    return Publisher(send, wait_seconds=wait_seconds)


def sticky_to(aws: Aws, name: str, assignment: Assignment) -> Sticky:
    """Return what chooses variants of an endpoint; unless they are ``sticky``, it leaves that."""
    if assignment != "sticky":
        return Sticky(dict)

    @cache
    def sagemaker() -> Any:  # a large client, which takes its time: not before somebody has a name
        return aws.client(
            "sagemaker",
            connect_timeout=WEIGHTS_TIMEOUT_SECONDS,
            read_timeout=WEIGHTS_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )

    return Sticky(lambda: endpoint.weights(sagemaker(), name))


def publish(publisher: Publisher, event: InferenceEvent) -> None:
    """Send an event, and count in ``EventsSent`` and ``EventsLost`` what became of it and others.

    What is still under way is counted by a later call.
    """
    publisher.publish(event)
    for name, value in publisher.counts()._asdict().items():
        metrics.add_metric(name=f"Events{name.title()}", unit=MetricUnit.Count, value=value)
