"""Figures published to CloudWatch."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef


def publish(
    cloudwatch: "CloudWatchClient",
    namespace: str,
    figures: Mapping[str, float],
    *,
    dimensions: Mapping[str, str],
) -> None:
    """Publish figures of now, in a resolution of a second, so that short alarms see them."""
    named: list[DimensionTypeDef] = [
        {"Name": name, "Value": value} for name, value in dimensions.items()
    ]
    moment = datetime.now(UTC)
    with translated(f"publish metrics of {namespace}"):
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": named,
                    "Timestamp": moment,
                    "Value": value,
                    "StorageResolution": 1,
                }
                for name, value in figures.items()
            ],
        )
