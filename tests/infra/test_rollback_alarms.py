"""The alarms that take a rollout back: what they watch, how soon, and what leaves them quiet."""

import re
from typing import Any

import pytest

from tests.infra.conftest import Synthesised
from visionml.cdk.bundle import ROOT
from visionml.contracts.names import Names


def rollback_alarms(found: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the alarms by their resource's name, such as ``rollback-errors-a``."""
    names = Names.of(found.settings)
    by_name = {each["AlarmName"]: each for each in found.properties("AWS::CloudWatch::Alarm")}
    ending = f"-{names.environment}-{names.region}"
    return {
        name.removeprefix(f"{names.prefix}-").removesuffix(ending): by_name[name]
        for name in names.rollback_alarms()
    }


def dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in metric["Dimensions"]}


def test_every_named_rollback_alarm_exists_and_there_are_at_most_ten(
    environment: Synthesised,
) -> None:
    assert 0 < len(rollback_alarms(environment)) <= 10


def test_they_decide_on_one_period_and_silence_is_no_trouble(environment: Synthesised) -> None:
    seconds = environment.settings.alarms.rollback_period_seconds
    for alarm in rollback_alarms(environment).values():
        periods = {
            each["MetricStat"]["Period"]
            for each in alarm.get("Metrics", [])
            if "Id" in each and "MetricStat" in each
        } or {alarm.get("Period")}
        assert periods == {seconds}
        assert alarm["EvaluationPeriods"] == 1
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "EvaluateLowSampleCountPercentile" not in alarm


@pytest.mark.parametrize(("letter", "variant"), [("a", "ModelA"), ("b", "ModelB")])
def test_each_variant_has_its_errors_and_its_latency(
    local: Synthesised, letter: str, variant: str
) -> None:
    expected = {"EndpointName": "ml-pipeline-endpoint-local-us-east-1", "VariantName": variant}
    alarms = rollback_alarms(local)
    errors, latency = alarms[f"rollback-errors-{letter}"], alarms[f"rollback-latency-{letter}"]

    watched = [each["MetricStat"]["Metric"] for each in errors["Metrics"] if "MetricStat" in each]
    assert {each["MetricName"] for each in watched} == {
        "Invocations",
        "InvocationModelErrors",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
    }
    assert all(dimensions(each) == expected for each in watched)
    assert (latency["MetricName"], latency["ExtendedStatistic"]) == ("ModelLatency", "p99")
    assert latency["Threshold"] == local.settings.alarms.latency_p99_ms * 1000
    assert dimensions(latency) == expected


def test_wrong_answers_to_known_images_alarm(local: Synthesised) -> None:
    probes = rollback_alarms(local)["rollback-probes"]

    assert (probes["Namespace"], probes["MetricName"]) == ("VisionML", "ProbeAccuracy")
    assert probes["ComparisonOperator"] == "LessThanThreshold"
    assert probes["Threshold"] == local.settings.alarms.probe_accuracy
    assert dimensions(probes) == {"EndpointName": "ml-pipeline-endpoint-local-us-east-1"}


def test_the_runbook_has_an_entry_for_every_alarm(local: Synthesised) -> None:
    names = Names.of(local.settings)
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    entries = set(
        re.findall(r"[a-z0-9-]+", " ".join(re.findall(r"^###.*|^\|.*", told, re.MULTILINE)))
    )
    ending = f"-{names.environment}-{names.region}"
    alarms = {
        each["AlarmName"].removeprefix(f"{names.prefix}-").removesuffix(ending)
        for each in local.properties("AWS::CloudWatch::Alarm")
    }

    assert alarms <= entries
