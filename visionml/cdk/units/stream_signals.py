"""The figures of the requests stream that are watched."""

from aws_cdk.aws_cloudwatch import Metric

from visionml.cdk.units.signals import PERIOD, Signal, function_errors
from visionml.contracts.names import METRIC_NAMESPACE, Names
from visionml.contracts.settings import Settings

CONSUMER, SERVICE = "prediction_consumer", "serving"
"""The function's module, and what its own metrics are under."""


def signals(settings: Settings, names: Names) -> list[Signal]:
    """Return the signals of the stream and of the function that reads it."""
    alarms, function = settings.alarms, names.function(CONSUMER)
    return [
        Signal(
            "stream-age",
            "Age of requests when they are read (ms)",
            f"Requests wait in their stream for more than {alarms.stream_age_seconds} s.",
            _of_function("IteratorAge", function, "Maximum"),
            alarms.stream_age_seconds * 1000,
        ),
        Signal(
            "stream-failures",
            "Requests of the stream that failed",
            f"More than {alarms.stream_failures} requests ended as failures in five minutes.",
            Metric(
                namespace=METRIC_NAMESPACE,
                metric_name="RecordedFailures",
                dimensions_map={"service": SERVICE},
                statistic="Sum",
                period=PERIOD,
            ),
            alarms.stream_failures,
        ),
        Signal(
            "consumer-errors",
            "Errors of the function that reads requests",
            "The function that makes requested predictions raised an error, crashed or timed out.",
            function_errors(function),
            0,
        ),
        Signal(
            "consumer-throttles",
            "Throttles of the function that reads requests",
            "Lambda had no room for the function that makes requested predictions.",
            _of_function("Throttles", function, "Sum"),
            0,
        ),
    ]


def _of_function(metric: str, function: str, statistic: str) -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        metric_name=metric,
        dimensions_map={"FunctionName": function},
        statistic=statistic,
        period=PERIOD,
    )
