"""From policies to alarms, and from schedules to moments."""

from datetime import UTC, datetime
from typing import Any

import pytest

from visionml.local.autoscaling import schedule, tracking
from visionml.local.autoscaling.core import Action, Variant
from visionml.local.sagemaker.faults import Fault

_VARIANT = Variant("e", "ModelA")
_CUSTOM = {"Namespace": "N", "MetricName": "M", "Statistic": "Average", "Dimensions": []}


def test_the_predefined_metric_is_sagemakers_own() -> None:
    kind = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    found = tracking.watched(
        {"TargetValue": 120.0, "PredefinedMetricSpecification": kind}, _VARIANT
    )
    assert (found.namespace, found.name) == ("AWS/SageMaker", "InvocationsPerInstance")
    assert found.dimensions == {"EndpointName": "e", "VariantName": "ModelA"}
    assert found.target == 120.0 * tracking.PERIOD_SECONDS / 60


def test_an_average_is_held_at_the_target_itself() -> None:
    config = {"TargetValue": 70.0, "CustomizedMetricSpecification": _CUSTOM}
    assert tracking.watched(config, _VARIANT).target == 70.0


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "ValidationException"),
        ({"CustomizedMetricSpecification": {"Namespace": "N"}}, "ValidationException"),
        ({"CustomizedMetricSpecification": {"Metrics": [{}]}}, "NotImplementedException"),
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}},
            "NotImplementedException",
        ),
    ],
)
def test_what_cannot_be_tracked_is_refused(config: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as refused:
        tracking.watched({"TargetValue": 1.0, **config}, _VARIANT)
    assert refused.value.code == code


def test_the_alarm_for_fewer_leaves_a_gap_below_the_target() -> None:
    config = {"TargetValue": 10.0, "CustomizedMetricSpecification": _CUSTOM}
    high, low = tracking.alarms("arn", "h", "l", tracking.watched(config, _VARIANT))
    assert (high["Threshold"], low["Threshold"]) == (10.0, 9.0)
    assert high["EvaluationPeriods"] < low["EvaluationPeriods"]


@pytest.mark.parametrize("name", ["endpoint/e", "endpoint//variant/v", "table/t", "a/e/b/v"])
def test_another_resource_is_refused(name: str) -> None:
    with pytest.raises(Fault, match="Unsupported resource ID"):
        Variant.of(name)


@pytest.mark.parametrize(
    ("expression", "made", "moment", "due"),
    [
        ("at(2026-03-01T06:00:00)", "2026-02-01T00:00", "2026-03-01T05:59", False),
        ("at(2026-03-01T06:00:00)", "2026-02-01T00:00", "2026-03-01T06:00", True),
        ("rate(2 hours)", "2026-03-01T06:00", "2026-03-01T07:59", False),
        ("rate(2 hours)", "2026-03-01T06:00", "2026-03-01T08:00", True),
        ("cron(0 22 * * ? *)", "2026-03-01T06:00", "2026-03-01T21:59", False),
        ("cron(0 22 * * ? *)", "2026-03-01T06:00", "2026-03-01T22:00", True),
    ],
)
def test_actions_are_due_in_time(expression: str, made: str, moment: str, due: bool) -> None:
    action = Action("a", "arn", {"Schedule": expression}, last=_utc(made))
    assert schedule.due(action, _utc(moment)) is due


def test_cron_keeps_the_time_zone_of_the_action() -> None:
    request = {"Schedule": "cron(0 22 * * ? *)", "Timezone": "Europe/Berlin"}
    action = Action("a", "arn", request, last=_utc("2026-03-01T06:00"))
    assert not schedule.due(action, _utc("2026-03-01T20:59"))
    assert schedule.due(action, _utc("2026-03-01T21:00"))


@pytest.mark.parametrize("expression", ["at(soon)", "rate(1 fortnight)", "cron(99 * * * ? *)", ""])
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(Fault, match="Invalid schedule expression"):
        schedule.check(expression, None)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(Fault, match="Unknown timezone: Mars/Base"):
        schedule.check("rate(1 day)", "Mars/Base")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
