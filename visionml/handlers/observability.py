"""The logger, tracer and metrics of every handler, and the one decorator that uses them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

Event = dict[str, Any]
"""What Lambda hands to a handler and takes back: JSON as Python values."""
Handler = Callable[[Event, LambdaContext], Event]

logger = Logger()
# Only AWS calls are traced: patching every library that happens to be installed would import it.
tracer = Tracer(patch_modules=("botocore",))
metrics = Metrics()


def observed(handler: Handler) -> Handler:
    """Log with the invocation's id, trace without payloads, and count ``Failures``."""

    @wraps(handler)
    def counted(event: Event, context: LambdaContext) -> Event:
        failures = 1
        try:
            answer = handler(event, context)
            failures = 0
        finally:
            metrics.add_metric(name="Failures", unit=MetricUnit.Count, value=failures)
        return answer

    traced = tracer.capture_lambda_handler(metrics.log_metrics(counted), capture_response=False)
    decorated: Handler = logger.inject_lambda_context(traced, clear_state=True)
    return decorated


def count(name: str) -> None:
    """Count one event, such as ``ModelsRegistered``."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
