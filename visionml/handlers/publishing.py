"""What the handlers that make predictions have in common: telling the events stream of them."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from visionml.aws import stream
from visionml.contracts.inference import InferenceEvent
from visionml.handlers.observability import metrics
from visionml.serving.publisher import WAIT_SECONDS, Publisher


def publisher_to(kinesis: Any, name: str, *, wait_seconds: float = WAIT_SECONDS) -> Publisher:
    """Return what sends events to the stream of that name."""

    def send(event: InferenceEvent) -> None:
        stream.put(kinesis, name, event.model_dump_json().encode(), key=event.prediction_id)

    return Publisher(send, wait_seconds=wait_seconds)


def publish(publisher: Publisher, event: InferenceEvent) -> None:
    """Send an event, and count in ``EventsSent`` and ``EventsLost`` what became of it and others.

    What is still under way is counted by a later call.
    """
    publisher.publish(event)
    for name, value in publisher.counts()._asdict().items():
        metrics.add_metric(name=f"Events{name.title()}", unit=MetricUnit.Count, value=value)
