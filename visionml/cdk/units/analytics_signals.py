"""The figures of the delivery of events that are watched."""

from aws_cdk.aws_cloudwatch import Metric

from visionml.cdk.units.signals import PERIOD, Signal
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


def signals(settings: Settings, names: Names) -> list[Signal]:
    """Return the signals of the delivery stream."""
    oldest = settings.alarms.delivery_age_seconds
    return [
        Signal(
            "delivery-failures",
            "Share of deliveries of events that work",
            "Firehose could not write events of answers to S3; it tries for a day.",
            _metric(names, "DeliveryToS3.Success", "Average"),
            1,
            below=True,
        ),
        Signal(
            "delivery-freshness",
            "Age of the oldest event not delivered (s)",
            f"Events of answers wait for their delivery to S3 for more than {oldest} s.",
            _metric(names, "DeliveryToS3.DataFreshness", "Maximum"),
            oldest,
        ),
        Signal(
            "event-conversion-failures",
            "Events that do not fit their table",
            "Events could not become Parquet; they lie below events-errors/ with the reason.",
            _metric(names, "FailedConversion.Records", "Sum"),
            0,
        ),
    ]


def _metric(names: Names, name: str, statistic: str) -> Metric:
    return Metric(
        namespace="AWS/Firehose",
        metric_name=name,
        dimensions_map={"DeliveryStreamName": names.delivery_stream},
        statistic=statistic,
        period=PERIOD,
    )
