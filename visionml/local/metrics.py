"""Metrics that MiniStack does not publish: of log lines, state machines and APIs.

Log lines carry theirs in CloudWatch's embedded metric format.

The format is AWS's: a JSON line whose ``_aws.CloudWatchMetrics`` names which of its own members
are metrics and dimensions (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html). As there, a line that does not hold to it
is a plain log line.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from visionml.local import ministack
from visionml.local.ministack import ApiCall

log = logging.getLogger("visionml.local")

_MARK = '"CloudWatchMetrics"'
_MOST_DIMENSIONS = 30
_MOST_VALUES = 100


@dataclass(frozen=True)
class Datum:
    """One MetricDatum and its namespace."""

    namespace: str
    value: dict[str, Any]


def install() -> None:
    """Publish metrics from now on; those of APIs come by `count_api_call`."""
    ministack.on_log_event(_publish)
    ministack.on_execution_status(_count_execution)


def _count_execution(machine_arn: str, status: str, seconds: float) -> None:
    """Publish ``AWS/States`` metrics; what one counts is in the past tense of its status."""
    dimensions = [{"Name": "StateMachineArn", "Value": machine_arn}]
    name = "Started" if status == "RUNNING" else status.title().replace("_", "")
    data = [_metric(f"Executions{name}", 1, "Count", dimensions)]
    if status != "RUNNING":
        data.append(_metric("ExecutionTime", seconds * 1000, "Milliseconds", dimensions))
    ministack.put_metric_data("AWS/States", data)


def count_api_call(call: ApiCall) -> None:
    """Publish ``AWS/ApiGateway`` metrics of one call, by API and by stage."""
    of_api = [{"Name": "ApiName", "Value": call.api}]
    for dimensions in (of_api, [*of_api, {"Name": "Stage", "Value": call.stage}]):
        counts = {
            "Count": 1.0,
            "4XXError": float(400 <= call.status < 500),
            "5XXError": float(call.status >= 500),
        }
        if call.cached is not None:
            counts |= {
                "CacheHitCount": float(call.cached),
                "CacheMissCount": float(not call.cached),
            }
        times = {"Latency": call.seconds, "IntegrationLatency": call.integration_seconds}
        data = [_metric(name, count, "Count", dimensions) for name, count in counts.items()]
        data += [
            _metric(name, seconds * 1000, "Milliseconds", dimensions)
            for name, seconds in times.items()
            if seconds is not None
        ]
        ministack.put_metric_data("AWS/ApiGateway", data)


def _metric(
    name: str, value: float, unit: str, dimensions: list[dict[str, str]]
) -> dict[str, object]:
    return {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": dimensions}


def _publish(message: str, timestamp_ms: int) -> None:
    try:
        for datum in extract(message, timestamp_ms):
            ministack.put_metric_data(datum.namespace, [datum.value])
    except Exception:  # the log line itself must be kept
        log.exception("Metrics of a log line were lost: %.200s", message)


def extract(message: str, timestamp_ms: int) -> Iterator[Datum]:
    """Return the metrics that a log line carries, one per dimension set."""
    record = _record(message)
    directives = record.get("_aws", {})
    if not isinstance(directives, dict):
        return
    at = directives.get("Timestamp")
    seconds = (at if isinstance(at, int | float) else timestamp_ms) / 1000
    for directive in directives.get("CloudWatchMetrics") or []:
        if not isinstance(directive, dict) or not isinstance(directive.get("Namespace"), str):
            continue
        for metric in directive.get("Metrics") or []:
            for names in directive.get("Dimensions") or [[]]:
                value = _datum(record, metric, names, seconds)
                if value is not None:
                    yield Datum(directive["Namespace"], value)


def _record(message: str) -> dict[str, Any]:
    start = message.find("{")
    if start < 0 or _MARK not in message:
        return {}
    try:
        record = json.loads(message[start:])
    except json.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def _datum(
    record: dict[str, Any], metric: object, names: object, seconds: float
) -> dict[str, Any] | None:
    """Return the MetricDatum, or None when its name, values or dimensions are not in the line."""
    if not isinstance(metric, dict) or not isinstance(names, list):
        return None
    values = record.get(str(metric.get("Name")))
    values = values if isinstance(values, list) else [values]
    numbers = [float(value) for value in values if _is_number(value)]
    dimensions = [
        {"Name": name, "Value": record[name]} for name in names if isinstance(record.get(name), str)
    ]
    if not 0 < len(numbers) <= _MOST_VALUES or len(numbers) != len(values):
        return None
    if len(dimensions) != len(names) or len(names) > _MOST_DIMENSIONS:
        return None
    return {
        "MetricName": metric["Name"],
        "Dimensions": dimensions,
        "Timestamp": seconds,
        "Unit": metric.get("Unit", "None"),
        "Values": numbers,
        "Counts": [1.0] * len(numbers),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
