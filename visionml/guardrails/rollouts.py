"""Mistakes in how a version is rolled out, by the settings or by a ``DeploymentConfig``."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from visionml.contracts.settings import RolloutSettings
from visionml.guardrails.check import Check, Fault, Subject

MOST_ALARMS = 10
"""AutoRollbackConfig's limit."""
ANSWER_SECONDS = 60
"""How long SageMaker waits for a container's answer: the old fleet must live so long."""
_ROLLOUT = "serving.rollout"


def shifts(settings: RolloutSettings) -> int:
    """Return how many times traffic is shifted; the alarms are watched after each."""
    if settings.strategy == "linear":
        return ceil(1 / settings.linear_share)
    return 2 if settings.strategy == "canary" else 1


def _single_instance(subject: Subject) -> Iterator[Fault]:
    serving = subject.settings.serving
    if serving.rollout.strategy == "all_at_once":
        return
    for name in ("initial_instances", "minimum_instances"):
        if getattr(serving, name) < 2:
            yield Fault(
                f"serving.{name}",
                f"With one instance there is no share of the traffic that a "
                f"{serving.rollout.strategy} rollout could shift.",
                f'Set it to 2, or {_ROLLOUT}.strategy to "all_at_once".',
            )


def _execution_time(subject: Subject) -> Iterator[Fault]:
    rollout = subject.settings.serving.rollout
    needed = shifts(rollout) * rollout.bake_seconds + rollout.termination_wait_seconds
    if needed >= rollout.maximum_seconds:
        yield Fault(
            f"{_ROLLOUT}.maximum_seconds",
            f"The rollout waits {needed} seconds in all and is given {rollout.maximum_seconds}.",
            "Raise it, or bake for a shorter time.",
        )


def _bake(subject: Subject) -> Iterator[Fault]:
    baked = subject.settings.serving.rollout.bake_seconds
    for name, alarm in subject.rollback_alarms().items():
        seconds = _decision_seconds(alarm.properties)
        if seconds > baked:
            yield Fault(
                f"{_ROLLOUT}.bake_seconds",
                f"The alarm {name} decides on {seconds} seconds, and traffic bakes for {baked}.",
                "Bake for longer than the alarm looks back, or shorten its period.",
            )


def _decision_seconds(alarm: Mapping[str, Any]) -> int:
    periods = [
        int(query["MetricStat"]["Period"])
        for query in alarm.get("Metrics", [])
        if "MetricStat" in query
    ]
    if "Period" in alarm:
        periods.append(int(alarm["Period"]))
    return max(periods, default=0) * int(alarm.get("EvaluationPeriods", 1))


def _termination_wait(subject: Subject) -> Iterator[Fault]:
    waited = subject.settings.serving.rollout.termination_wait_seconds
    if waited < ANSWER_SECONDS:
        yield Fault(
            f"{_ROLLOUT}.termination_wait_seconds",
            f"The old fleet lives {waited} seconds after it has lost its traffic; an answer may "
            f"take {ANSWER_SECONDS}.",
            f"Set it to {ANSWER_SECONDS} or more.",
        )


def _approval(subject: Subject) -> Iterator[Fault]:
    settings = subject.settings
    if settings.environment == "prod" and settings.serving.rollout.approval == "automatic":
        yield Fault(
            f"{_ROLLOUT}.approval",
            "A model reaches production without a person having agreed to it.",
            'Set it to "manual".',
        )


def config_faults(config: Mapping[str, Any], *, where: str) -> Iterator[Fault]:
    """Yield the mistakes in a ``DeploymentConfig`` as UpdateEndpoint takes it."""
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    if not alarms:
        yield Fault(
            where,
            "The update arms no alarm, so that nothing takes it back.",
            "Name alarms in AutoRollbackConfiguration.",
        )
    if len(alarms) > MOST_ALARMS:
        yield Fault(
            where,
            f"SageMaker takes {MOST_ALARMS} alarms at most, not {len(alarms)}.",
            "Join some of them to a composite alarm.",
        )
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    yield from _step_faults(routing, where)
    needed = _routed_seconds(routing) + int(policy.get("TerminationWaitInSeconds", 0))
    given = policy.get("MaximumExecutionTimeoutInSeconds")
    if given is not None and needed >= int(given):
        yield Fault(
            where,
            f"The update waits {needed} seconds in all and is given {given}.",
            "Raise MaximumExecutionTimeoutInSeconds, or bake for a shorter time.",
        )


def _step_faults(routing: Mapping[str, Any], where: str) -> Iterator[Fault]:
    wanted = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(str(routing.get("Type")))
    if wanted is None:
        return
    size = routing.get(wanted)
    if size is None:
        yield Fault(where, f"{routing['Type']} needs {wanted}.", f"Give {wanted}.")
        return
    smallest = 10 if wanted == "LinearStepSize" else 1
    if size["Type"] == "CAPACITY_PERCENT" and not smallest <= size["Value"] <= 50:
        yield Fault(
            where,
            f"{wanted} is {size['Value']} percent of the fleet.",
            f"Choose {smallest} to 50 percent.",
        )


def _routed_seconds(routing: Mapping[str, Any]) -> int:
    waited = int(routing.get("WaitIntervalInSeconds", 0))
    kind = routing.get("Type")
    if kind == "LINEAR":
        size = routing.get("LinearStepSize", {})
        percent = size.get("Value", 50) if size.get("Type") == "CAPACITY_PERCENT" else 50
        return ceil(100 / max(1, percent)) * waited
    return waited * (2 if kind == "CANARY" else 1)


CHECKS = (
    Check(
        "single-instance-shift",
        "SageMaker refuses to shift a share of the traffic between fleets of one instance.",
        _single_instance,
    ),
    Check(
        "execution-time",
        "An update that takes longer than its own limit is taken back by SageMaker.",
        _execution_time,
    ),
    Check(
        "bake-shorter-than-alarm",
        "An alarm that looks back further than traffic bakes cannot go off while it does.",
        _bake,
    ),
    Check(
        "termination-wait",
        "Requests that the old fleet still answers are lost when it is ended too soon.",
        _termination_wait,
    ),
    Check(
        "approval-in-production",
        "A person answers for what reaches production.",
        _approval,
    ),
)
