"""Figures published to CloudWatch, and read from there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef, MetricDataQueryTypeDef


_AT_ONCE = 500
"""Metrics that CloudWatch answers about in one call."""


class Figure(NamedTuple):
    """A metric and what to make of its values within a period, such as ``Sum`` or ``p99``."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str


def read(
    cloudwatch: "CloudWatchClient",
    figures: Mapping[str, Figure],
    *,
    start: datetime,
    end: datetime,
    period_seconds: int,
) -> dict[str, dict[datetime, float]]:
    """Return each figure's values by the beginning of their period; none where nothing was told."""
    names, found = iter(figures), {name: dict[datetime, float]() for name in figures}
    while part := list(islice(names, _AT_ONCE)):
        queries = [_query(f"m{at}", figures[name], period_seconds) for at, name in enumerate(part)]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=end
        )
        with translated("read metrics"):
            results = [result for page in pages for result in page["MetricDataResults"]]
        for result in results:
            values = zip(result["Timestamps"], result["Values"], strict=True)
            found[part[int(result["Id"][1:])]].update(values)
    return found


def _query(key: str, figure: Figure, period_seconds: int) -> "MetricDataQueryTypeDef":
    return {
        "Id": key,
        "MetricStat": {
            "Metric": {
                "Namespace": figure.namespace,
                "MetricName": figure.metric,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in figure.dimensions.items()
                ],
            },
            "Period": period_seconds,
            "Stat": figure.statistic,
        },
    }


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
