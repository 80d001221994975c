"""What CloudWatch measured of one variant of an endpoint over a time, as one figure each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_QUERIES = {
    "invocations": ("Invocations", "Sum"),
    "failed": ("Invocation5XXErrors", "Sum"),
    "p50": ("ModelLatency", "p50"),
    "p99": ("ModelLatency", "p99"),
    "measured": ("ModelLatency", "SampleCount"),
}
_MINUTE = 60


@dataclass(frozen=True)
class VariantFigures:
    """Latencies are of the container, in milliseconds; NaN where none was measured."""

    invocations: int
    failed: int
    """Without those that were refused for what was sent."""
    latency_p50_ms: float
    latency_p99_ms: float


def read(
    cloudwatch: "CloudWatchClient", endpoint: str, variant: str, *, since: datetime, until: datetime
) -> VariantFigures:
    """Return a variant's figures over a time, to the minute.

    Where CloudWatch cuts the time in two, its percentiles are the parts', weighed by their numbers.
    """
    minutes = max(1, math.ceil((until - since).total_seconds() / _MINUTE))
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": variant},
    ]
    queries: list[Any] = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": dimensions,
                },
                "Period": minutes * _MINUTE,
                "Stat": statistic,
            },
        }
        for name, (metric, statistic) in _QUERIES.items()
    ]
    with translated(f"read the metrics of {variant} of {endpoint}"):
        found = cloudwatch.get_metric_data(
            MetricDataQueries=queries,
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=until + timedelta(minutes=1),
        )
    values = {each["Id"]: each["Values"] for each in found["MetricDataResults"]}
    return VariantFigures(
        invocations=round(sum(values["invocations"])),
        failed=round(sum(values["failed"])),
        latency_p50_ms=_weighed(values["p50"], values["measured"]) / 1000,  # from microseconds
        latency_p99_ms=_weighed(values["p99"], values["measured"]) / 1000,
    )


def _weighed(values: Sequence[float], counts: Sequence[float]) -> float:
    if not values or len(values) != len(counts):
        return math.nan
    return sum(v * n for v, n in zip(values, counts, strict=True)) / sum(counts)
