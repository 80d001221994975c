"""Target tracking: from a policy to its alarms, and from a metric to a capacity.

On AWS the alarm for more looks at three minutes and the one for fewer at fifteen. Here a minute has
five seconds for them: what is counted in one is compared with a twelfth of a target that is meant
a minute, so that a short run sees what an account would show after a quarter of an hour.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from visionml.local.autoscaling.core import Target, Variant
from visionml.local.refusals import Fault, not_offered
from visionml.local.sagemaker.core import Document

PERIOD_SECONDS = 5
PERIODS_HIGH = 3
PERIODS_LOW = 15
LOW_SHARE = 0.9
DEFAULT_COOLDOWN = 300
"""Of SageMaker's variants, in seconds, where a policy names none."""

_PREDEFINED = "SageMakerVariantInvocationsPerInstance"
_ADDED_UP = ("Sum", "SampleCount")


@dataclass(frozen=True)
class Watched:
    """The metric that a policy tracks, and the value to hold it at, in one of our periods."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    statistic: str
    target: float


def watched(config: Document, variant: Variant) -> Watched:
    """Return what a target tracking configuration asks to be watched.

    Raises
    ------
    Fault
        ``ValidationException``, or ``NotImplementedException`` for other predefined metrics and
        for metric math.
    """
    predefined = config.get("PredefinedMetricSpecification")
    custom: Document = config.get("CustomizedMetricSpecification") or {}
    if bool(predefined) == bool(custom):
        raise Fault(
            "ValidationException",
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must "
            "be specified.",
        )
    if predefined:
        kind = predefined["PredefinedMetricType"]
        if kind != _PREDEFINED:
            raise not_offered(f"the predefined metric {kind}", "Application Auto Scaling")
        dimensions = {"EndpointName": variant.endpoint, "VariantName": variant.name}
        return _watched("AWS/SageMaker", "InvocationsPerInstance", dimensions, "Sum", config)
    if custom.get("Metrics"):
        raise not_offered("customized metrics by metric math", "Application Auto Scaling")
    missing = [name for name in ("MetricName", "Namespace", "Statistic") if name not in custom]
    if missing:
        raise Fault("ValidationException", f"{', '.join(missing)} must be specified.")
    dimensions = {each["Name"]: each["Value"] for each in custom.get("Dimensions", [])}
    return _watched(
        custom["Namespace"], custom["MetricName"], dimensions, custom["Statistic"], config
    )


def _watched(
    namespace: str, name: str, dimensions: dict[str, str], statistic: str, config: Document
) -> Watched:
    target = float(config["TargetValue"])
    if statistic in _ADDED_UP:
        target *= PERIOD_SECONDS / 60
    return Watched(namespace, name, dimensions, statistic, target)


def alarms(policy_arn: str, high: str, low: str, metric: Watched) -> list[Document]:
    """Return the two alarms of a policy as PutMetricAlarm takes them."""
    common = {
        "AlarmDescription": "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
        f"{policy_arn}.",
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": k, "Value": v} for k, v in metric.dimensions.items()],
        "Statistic": metric.statistic,
        "Period": PERIOD_SECONDS,
    }
    return [
        {
            **common,
            "AlarmName": high,
            "Threshold": metric.target,
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": PERIODS_HIGH,
        },
        {
            **common,
            "AlarmName": low,
            "Threshold": metric.target * LOW_SHARE,
            "ComparisonOperator": "LessThanThreshold",
            "EvaluationPeriods": PERIODS_LOW,
        },
    ]


def raised(target: Target, *, current: int, value: float, aim: float) -> int:
    """Return the capacity that a breached upper alarm asks for, within bounds."""
    return target.within(max(current + 1, math.ceil(current * value / aim)))


def reduced(target: Target, *, current: int, value: float, aim: float) -> int:
    """Return the capacity that a breached lower alarm asks for, within bounds."""
    needed = math.ceil(current * value / aim) if value > 0 else target.minimum
    return target.within(min(current, max(1, needed)))


def cooling(config: Document, *, since: datetime | None, kind: str, moment: datetime) -> bool:
    """Tell whether the cooldown of the last scaling, out or in, has yet to end."""
    seconds = int(config.get(f"Scale{kind}Cooldown", DEFAULT_COOLDOWN))
    return since is not None and moment < since + timedelta(seconds=seconds)
