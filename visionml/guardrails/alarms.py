"""Mistakes in alarms that leave a rollout unguarded, or take it back for nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from visionml.contracts.names import METRIC_NAMESPACE, VARIANT_A, VARIANT_B
from visionml.contracts.probes import PROBE_ACCURACY
from visionml.guardrails.check import Check, Fault, Subject
from visionml.guardrails.rollouts import MOST_ALARMS
from visionml.guardrails.template import Resource, text

SAGEMAKER = "AWS/SageMaker"
ENDPOINT_METRICS = frozenset(
    {
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "InvocationModelErrors",
        "Invocations",
        "InvocationsPerInstance",
        "ModelLatency",
        "ModelSetupTime",
        "OverheadLatency",
    }
)
"""docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, endpoint invocations."""
_LATENCIES = {"ModelLatency", "OverheadLatency"}
_LEAST_MICROSECONDS = 10_000
_MOST_MICROSECONDS = 60_000_000
"""A threshold below 10 ms is one in milliseconds; answers of more than 60 s do not exist."""
_STANDARD_SECONDS = 60
_ALARM = "AWS::CloudWatch::Alarm"


def _missing(subject: Subject) -> Iterator[Fault]:
    declared = subject.rollback_alarms()
    for name in subject.names.rollback_alarms():
        if name not in declared:
            yield Fault(
                name,
                "No stack declares this alarm, and every rollout arms it.",
                "Declare it in visionml/cdk/units/rollback_alarms.py.",
            )


def _too_many(subject: Subject) -> Iterator[Fault]:
    wanted = subject.names.rollback_alarms()
    if len(wanted) > MOST_ALARMS:
        yield Fault(
            "Names.rollback_alarms",
            f"There are {len(wanted)} of them, and SageMaker takes {MOST_ALARMS}.",
            "Join some of them to a composite alarm.",
        )


def _metrics(alarm: Resource) -> list[Mapping[str, Any]]:
    """Return the metrics that an alarm looks at, each with namespace, name and dimensions."""
    asked = [
        query["MetricStat"]["Metric"]
        for query in alarm.properties.get("Metrics", [])
        if "MetricStat" in query
    ]
    return [*asked, alarm.properties] if "MetricName" in alarm.properties else asked


def _dimensions(metric: Mapping[str, Any]) -> dict[str, str]:
    return {each["Name"]: text(each["Value"]) for each in metric.get("Dimensions", [])}


def _unpublished(subject: Subject) -> Iterator[Fault]:
    endpoint = subject.names.endpoint
    variants = {VARIANT_A, VARIANT_B}
    guards = subject.rollback_alarms()
    for alarm in subject.resources(_ALARM):
        for metric in _metrics(alarm):
            name, found = metric["MetricName"], _dimensions(metric)
            fault = ""
            if metric["Namespace"] == SAGEMAKER:
                if name not in ENDPOINT_METRICS:
                    fault = f"SageMaker publishes no {name} of an endpoint."
                elif set(found) != {"EndpointName", "VariantName"}:
                    fault = f"SageMaker publishes {name} by EndpointName and VariantName."
                elif found["EndpointName"] != endpoint or found["VariantName"] not in variants:
                    fault = f"There is no {found['VariantName']} of {found['EndpointName']}."
            elif alarm.properties.get("AlarmName") not in guards:
                continue
            elif (metric["Namespace"], name, found) != (
                METRIC_NAMESPACE,
                PROBE_ACCURACY,
                {"EndpointName": endpoint},
            ):
                fault = f"Nobody publishes {metric['Namespace']} {name} by {sorted(found)}."
            if fault:
                yield Fault(
                    alarm.where, fault, "Watch a metric that exists; a silent one never alarms."
                )


def _unit(subject: Subject) -> Iterator[Fault]:
    for alarm in subject.resources(_ALARM):
        threshold = float(alarm.properties.get("Threshold", 0))
        watched = {metric["MetricName"] for metric in _metrics(alarm)}
        inside = _LEAST_MICROSECONDS <= threshold <= _MOST_MICROSECONDS
        if watched and watched <= _LATENCIES and not inside:
            yield Fault(
                alarm.where,
                f"{threshold:.0f} us are {threshold / 1000:g} ms.",
                "Give SageMaker's latencies in microseconds.",
            )


def _breaching(subject: Subject) -> Iterator[Fault]:
    for alarm in subject.rollback_alarms().values():
        treated = alarm.properties.get("TreatMissingData", "missing")
        if treated != "notBreaching":
            yield Fault(
                alarm.where,
                f"Missing data is treated as {treated}.",
                "Set TreatMissingData to notBreaching.",
            )


def _gaps(subject: Subject) -> Iterator[Fault]:
    for alarm in subject.rollback_alarms().values():
        queries = alarm.properties.get("Metrics", [])
        named = {query["Id"] for query in queries if "MetricStat" in query}
        for query in queries:
            bare = re.sub(r"FILL\(\s*\w+\s*,", "", query.get("Expression", ""))
            for name in sorted(named & set(re.findall(r"\w+", bare))):
                yield Fault(
                    alarm.where,
                    f"The expression uses {name} without filling its gaps.",
                    f"Write FILL({name}, 0).",
                )


def _few_samples(subject: Subject) -> Iterator[Fault]:
    for alarm in subject.rollback_alarms().values():
        if alarm.properties.get("EvaluateLowSampleCountPercentile") == "ignore":
            yield Fault(
                alarm.where,
                "It waits for a thousand answers within one period.",
                "Set EvaluateLowSampleCountPercentile to evaluate.",
            )


def _resolution(subject: Subject) -> Iterator[Fault]:
    for alarm in subject.rollback_alarms().values():
        if any(metric["Namespace"] == SAGEMAKER for metric in _metrics(alarm)):
            seconds = subject.settings.alarms.rollback_period_seconds
            if seconds < _STANDARD_SECONDS:
                yield Fault(
                    alarm.where,
                    f"Its period is {seconds} seconds, and SageMaker publishes once a minute.",
                    "Set alarms.rollback_period_seconds to 60 or more.",
                )


CHECKS = (
    Check(
        "alarm-missing",
        "A rollout with an alarm that does not exist is refused.",
        _missing,
    ),
    Check("too-many-alarms", "SageMaker arms ten alarms at most.", _too_many),
    Check(
        "metric-unpublished",
        "An alarm on a metric or dimension that nobody publishes stays quiet for ever.",
        _unpublished,
    ),
    Check(
        "latency-unit",
        "SageMaker's latencies are in microseconds: a threshold in milliseconds always alarms.",
        _unit,
    ),
    Check(
        "missing-data-breaching",
        "A variant without traffic must not take a rollout back.",
        _breaching,
    ),
    Check(
        "gaps-unfilled",
        "Metric math gives nothing where one of its metrics has no data, so errors go unseen.",
        _gaps,
    ),
    Check(
        "low-samples-ignored",
        "A percentile alarm that ignores periods of few answers is never decided at night.",
        _few_samples,
    ),
    Check(
        "period-below-resolution",
        "An alarm that looks more often than its metric is published finds nothing most times.",
        _resolution,
    ),
)
