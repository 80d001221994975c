"""Each guardrail check finds the mistake that it is named for, and nothing in a healthy place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import exposed, guarded
from tests.fakes.guarded import DEPLOYMENT, Json, task, with_states
from visionml.contracts.settings import Settings
from visionml.errors import SettingsInvalid
from visionml.guardrails import live
from visionml.guardrails.catalogue import CHECKS, run
from visionml.guardrails.check import Finding
from visionml.guardrails.live import Standing
from visionml.guardrails.rollouts import config_faults

Spoil = Callable[[dict[str, Json]], None]
DOCUMENT = Path(__file__).parents[3] / "docs" / "guardrails.md"


def found(names: list[Finding]) -> set[str]:
    return {finding.check for finding in names}


def alarm(stack: dict[str, Json], name: str) -> Json:
    properties: Json = stack["Monitoring"]["Resources"][name]["Properties"]
    return properties


def test_a_healthy_environment_passes_every_check() -> None:
    assert run(guarded.subject()) == []


SETTINGS: list[tuple[str, Settings]] = [
    ("execution-time", guarded.settings(bake_seconds=1800, termination_wait_seconds=600)),
    ("execution-time", guarded.settings(strategy="linear", bake_seconds=900)),
    ("bake-shorter-than-alarm", guarded.settings(bake_seconds=30)),
    ("termination-wait", guarded.settings(termination_wait_seconds=59)),
    ("approval-in-production", guarded.settings(approval="automatic")),
]


@pytest.mark.parametrize(("check", "chosen"), SETTINGS)
def test_settings_that_would_go_wrong_are_found(check: str, chosen: Settings) -> None:
    assert found(run(guarded.subject(chosen))) == {check}


@pytest.mark.parametrize("strategy", ["canary", "linear"])
def test_a_share_of_one_instance_is_found(strategy: str) -> None:
    values = guarded.settings(strategy=strategy).model_dump()
    values["serving"] |= {"initial_instances": 1, "minimum_instances": 1}
    findings = run(guarded.subject(Settings.model_validate(values)))

    assert found(findings) == {"single-instance-shift"}
    assert [each.where for each in findings] == [
        "serving.initial_instances",
        "serving.minimum_instances",
    ]


def test_a_check_that_the_settings_waive_is_not_made() -> None:
    times: dict[str, Any] = {"bake_seconds": 5, "termination_wait_seconds": 1}
    hasty = guarded.settings(**times)
    assert found(run(guarded.subject(hasty))) == {"bake-shorter-than-alarm", "termination-wait"}

    reason = "Nobody waits for these containers."
    waiving = hasty.model_copy(update={"waived_checks": {"termination-wait": reason}})
    assert found(run(guarded.subject(waiving))) == {"bake-shorter-than-alarm"}


def test_only_checks_that_exist_can_be_waived() -> None:
    odd = guarded.settings().model_copy(update={"waived_checks": {"everything": "No time today."}})
    with pytest.raises(SettingsInvalid, match="'everything'"):
        run(guarded.subject(odd))


def test_an_alarm_is_not_decided_more_often_than_figures_come() -> None:
    values = guarded.settings().model_dump()
    values["alarms"]["rollback_period_seconds"] = 10

    chosen = Settings.model_validate(values)
    assert found(run(guarded.subject(chosen))) == {"period-below-resolution"}


def drop_alarm(stacks: dict[str, Json]) -> None:
    del stacks["Monitoring"]["Resources"]["Probes"]


def other(name: str, **changes: Any) -> Spoil:
    return lambda stacks: alarm(stacks, name).update(changes)


def expression(text: str) -> Spoil:
    def spoil(stacks: dict[str, Json]) -> None:
        alarm(stacks, "ErrorsA")["Metrics"][0]["Expression"] = text

    return spoil


def states(machine: str, **changes: Any) -> Spoil:
    return lambda stacks: with_states(stacks, machine, **changes)


def updating(**arguments: Any) -> Spoil:
    return states("Machine", Update=task("sagemaker:updateEndpoint", "Wait", arguments))


def adding(**resource: Any) -> Spoil:
    return lambda stacks: stacks["Serving"]["Resources"].update(Added=resource)


def seed(**changes: Any) -> Spoil:
    def spoil(stacks: dict[str, Json]) -> None:
        config = stacks["Serving"]["Resources"]["SeedConfig"]["Properties"]
        config["ProductionVariants"][0].update(changes)

    return spoil


def capturing(stacks: dict[str, Json]) -> None:
    config = stacks["Serving"]["Resources"]["SeedConfig"]["Properties"]
    config["DataCaptureConfig"] = {"EnableCapture": True}


ELSEWHERE = [
    {"Name": "EndpointName", "Value": "another"},
    {"Name": "VariantName", "Value": "ModelA"},
]
ARMED = {
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobody-declares-this"}]},
    "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}},
}
TEMPLATES: list[tuple[str, Spoil]] = [
    ("alarm-missing", drop_alarm),
    ("metric-unpublished", other("LatencyA", MetricName="Latency")),
    ("metric-unpublished", other("LatencyA", Dimensions=ELSEWHERE)),
    ("metric-unpublished", other("LatencyA", Dimensions=ELSEWHERE[:1])),
    ("metric-unpublished", other("Probes", MetricName="Accuracy")),
    ("latency-unit", other("LatencyA", Threshold=2000)),
    ("latency-unit", other("LatencyB", Threshold=2_000_000_000)),
    ("missing-data-breaching", other("LatencyB", TreatMissingData="breaching")),
    ("gaps-unfilled", expression("errors / FILL(calls, 1)")),
    ("low-samples-ignored", other("LatencyA", EvaluateLowSampleCountPercentile="ignore")),
    ("update-without-config", updating(EndpointName="e")),
    ("alarms-unarmed", updating(DeploymentConfig={"BlueGreenUpdatePolicy": {}})),
    ("alarms-unarmed", updating(DeploymentConfig=ARMED)),
    (
        "fixed-instance-count",
        states(
            "Machine",
            Config=task(
                "sagemaker:createEndpointConfig",
                "Update",
                {"ProductionVariants": [{"InitialInstanceCount": 1}]},
            ),
        ),
    ),
    (
        "recorded-too-early",
        states("Machine", Update={**DEPLOYMENT["Update"], "Next": "Record"}),
    ),
    (
        "recorded-too-early",
        states(
            "Machine",
            Update={**DEPLOYMENT["Update"], "Next": "Baseline"},
            Baseline=task("aws-sdk:ssm:putParameter", "Wait", {"Name": "baseline"}),
        ),
    ),
    (
        "outcome-by-status",
        states(
            "Machine",
            Ended={
                "Type": "Choice",
                "Choices": [{"Condition": "{% EndpointStatus = 'InService' %}", "Next": "Done"}],
                "Default": "Wait",
            },
        ),
    ),
    (
        "best-job-assumed",
        states("Tuning", Choose=task("sagemaker:createProcessingJob.sync", "Done", {})),
    ),
    ("closed-service", adding(Type="AWS::SageMaker::MonitoringSchedule")),
    (
        "closed-service",
        states(
            "Tuning",
            Train=task("sagemaker:createTrainingJob.sync", "Tune", {"DebugHookConfig": {}}),
        ),
    ),
    ("capture-in-base64", capturing),
    ("seed-follows-settings", seed(InitialInstanceCount=2)),
    ("seed-follows-settings", seed(InstanceType="ml.g5.xlarge")),
    *[(check, adding(**resource)) for check, resource in exposed.RESOURCES],
]


@pytest.mark.parametrize(("check", "spoil"), TEMPLATES)
def test_templates_that_would_go_wrong_are_found(check: str, spoil: Spoil) -> None:
    chosen = guarded.settings()
    stacks = guarded.templates(chosen)
    spoil(stacks)
    findings = run(guarded.subject(chosen, stacks))

    assert found(findings) == {check}
    assert all(each.what.endswith(".") and each.advice.endswith(".") for each in findings)


def test_more_alarms_than_sagemaker_takes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "visionml.contracts.names.Names.rollback_alarms",
        lambda _names: tuple(f"alarm-{number}" for number in range(11)),
    )

    assert "too-many-alarms" in found(run(guarded.subject()))


def test_every_check_has_a_test_that_triggers_it() -> None:
    alone = {"single-instance-shift", "period-below-resolution", "too-many-alarms"}
    triggered = {name for name, _ in SETTINGS} | {name for name, _ in TEMPLATES} | alone

    assert {check.name for check in CHECKS} == triggered
    assert len(CHECKS) == len(triggered)


def policy(**policy: Any) -> Json:
    return {
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "alarm"}]},
        "BlueGreenUpdatePolicy": policy,
    }


def canary(percent: int = 10, wait: int = 300) -> Json:
    return {
        "Type": "CANARY",
        "WaitIntervalInSeconds": wait,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": percent},
    }


def linear(percent: int) -> Json:
    return {
        "Type": "LINEAR",
        "WaitIntervalInSeconds": 300,
        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": percent},
    }


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (policy(TrafficRoutingConfiguration=canary()), None),
        (policy(TrafficRoutingConfiguration=linear(25)), None),
        ({"BlueGreenUpdatePolicy": {}}, "arms no alarm"),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": str(n)} for n in range(11)]}},
            "10 alarms at most",
        ),
        (policy(TrafficRoutingConfiguration=canary(60)), "60 percent"),
        (policy(TrafficRoutingConfiguration=linear(5)), "5 percent"),
        (policy(TrafficRoutingConfiguration={"Type": "CANARY"}), "needs CanarySize"),
        (
            policy(
                TrafficRoutingConfiguration=canary(wait=300), MaximumExecutionTimeoutInSeconds=600
            ),
            "waits 600 seconds",
        ),
        (
            policy(TrafficRoutingConfiguration=linear(25), MaximumExecutionTimeoutInSeconds=1200),
            "waits 1200 seconds",
        ),
    ],
)
def test_a_deployment_config_is_judged_as_sagemaker_would(config: Json, fault: str | None) -> None:
    faults = [each.what for each in config_faults(config, where="plan")]

    assert len(faults) == (fault is not None)
    assert all(str(fault) in each for each in faults)


STANDING = Standing(
    endpoint_status="InService",
    instances={"ModelA": 2},
    wanted_alarms=("errors",),
    alarm_states={"errors": "OK"},
    active_version="run-1",
    registered=frozenset({"run-1"}),
)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({}, None),
        ({"alarm_states": {}}, "live-alarm-missing"),
        ({"alarm_states": {"errors": "ALARM"}}, "live-alarm-ringing"),
        ({"alarm_states": {"errors": "INSUFFICIENT_DATA"}}, None),
        ({"endpoint_status": None}, "live-endpoint"),
        ({"endpoint_status": "Failed"}, "live-endpoint"),
        ({"instances": {"ModelA": 1}}, "live-single-instance"),
        ({"instances": {"ModelA": 1}, "active_version": None}, None),
        ({"registered": frozenset()}, "live-active-version"),
    ],
)
def test_what_stands_is_judged_before_a_rollout_meets_it(changes: Json, check: str | None) -> None:
    standing = Standing(**{**vars(STANDING), **changes})
    findings = live.check(standing, guarded.settings().serving)

    assert found(findings) == ({check} if check else set())
    assert found(findings) <= set(live.REASONS)


def test_the_document_tells_of_every_check_in_its_order() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    told = {row[0].strip("`"): row[1] for row in rows}
    reasons = {check.name: check.reason for check in CHECKS} | live.REASONS

    assert list(told) == list(reasons)
    assert told == reasons
