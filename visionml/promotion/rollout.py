"""Rollout settings become the ``DeploymentConfig`` of an update, or are refused with the reason.

What SageMaker asks:
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from pydantic import JsonValue

from visionml.aws.alarms import IN_ALARM, Alarm, WatchedMetric
from visionml.contracts.deployment import DeploymentKind
from visionml.contracts.settings import RolloutSettings
from visionml.errors import Conflict
from visionml.guardrails.alarms import ENDPOINT_METRICS, SAGEMAKER
from visionml.guardrails.rollouts import MOST_ALARMS, config_faults

Strategy = Literal["canary", "linear", "all_at_once"]

_ALARMS_HINT = "Deploy the serving stack again: `visionml deploy`."


@dataclass(frozen=True)
class Fleets:
    """The instances of each production variant, by its name."""

    blue: Mapping[str, int]
    """Of the configuration that serves."""
    green: Mapping[str, int]
    """Of the one that is to serve."""
    answering: bool = True
    """Whether a model serves now; the seed of a new endpoint has none and refuses requests."""


@dataclass(frozen=True)
class Rollout:
    """How traffic moves, and what takes it back."""

    strategy: Strategy
    config: dict[str, JsonValue]
    """``DeploymentConfig`` of UpdateEndpoint."""
    armed: tuple[str, ...]
    unarmed: tuple[str, ...]
    remarks: tuple[str, ...]


def rollout(
    settings: RolloutSettings,
    *,
    kind: DeploymentKind,
    endpoint: str,
    fleets: Fleets,
    wanted: Sequence[str],
    alarms: Mapping[str, Alarm],
) -> Rollout:
    """Say how an endpoint goes from one fleet to the other.

    `wanted` names the alarms to arm; `alarms` are those of them that exist. A rollback arms those
    that are quiet: it may be the very thing that ends the others' trouble. So does the first
    promotion, before which the endpoint answers every request with an error.

    Raises
    ------
    Conflict
        SageMaker would refuse the update, or run it without its alarms.
    """
    strategy, remarks = _strategy(settings, kind=kind, fleets=fleets)
    armed, unarmed = _quiet(wanted, alarms)
    if kind == "promotion":
        _check_alarms(endpoint, wanted, alarms, may_ring=not fleets.answering)
    _check_time(settings, strategy)
    policy: dict[str, JsonValue] = {
        "TrafficRoutingConfiguration": _routing(settings, strategy),
        "TerminationWaitInSeconds": settings.termination_wait_seconds,
        "MaximumExecutionTimeoutInSeconds": settings.maximum_seconds,
    }
    config: dict[str, JsonValue] = {"BlueGreenUpdatePolicy": policy}
    if armed:
        named: list[JsonValue] = [{"AlarmName": name} for name in armed]
        config["AutoRollbackConfiguration"] = {"Alarms": named}
    if kind == "promotion" and armed:
        _check_config(config)
    return Rollout(strategy, config, armed, unarmed, remarks)


def _check_config(config: dict[str, JsonValue]) -> None:
    """Refuse what the guardrail checks find in a configuration."""
    for fault in config_faults(config, where="DeploymentConfig"):
        raise Conflict(f"The rollout is not guarded: {fault.what}", hint=fault.advice)


def planned_seconds(settings: RolloutSettings, strategy: Strategy) -> int:
    """Return what an update takes without what it takes to start instances."""
    shifts = {"all_at_once": 1, "canary": 2, "linear": ceil(1 / settings.linear_share)}[strategy]
    return shifts * settings.bake_seconds + settings.termination_wait_seconds


def _strategy(
    settings: RolloutSettings, *, kind: DeploymentKind, fleets: Fleets
) -> tuple[Strategy, tuple[str, ...]]:
    wanted = settings.strategy
    if kind == "rollback" or wanted == "all_at_once":
        return "all_at_once", ()
    smallest = min(fleets.green.values())
    if smallest < 2:
        raise Conflict(
            f"A {wanted} rollout needs at least two instances of each variant, and one would "
            f"have {smallest}: with one instance there is nothing to shift a share of traffic to.",
            hint="Set serving.initial_instances and serving.minimum_instances to 2, or "
            'serving.rollout.strategy to "all_at_once".',
        )
    if not fleets.answering:
        return "all_at_once", (f"All at once instead of {wanted}: no model serves yet.",)
    if set(fleets.blue) != set(fleets.green):
        return "all_at_once", (
            f"All at once instead of {wanted}: the variants change from "
            f"{', '.join(sorted(fleets.blue))} to {', '.join(sorted(fleets.green))}, and SageMaker "
            "shifts traffic step by step between equal variants only.",
        )
    if min(fleets.blue.values()) < 2:
        return "all_at_once", (
            f"All at once instead of {wanted}: the endpoint runs on a single instance now.",
        )
    return wanted, ()


def _routing(settings: RolloutSettings, strategy: Strategy) -> dict[str, JsonValue]:
    routing: dict[str, JsonValue] = {
        "Type": strategy.upper(),
        "WaitIntervalInSeconds": settings.bake_seconds,
    }
    if strategy == "canary":
        routing["CanarySize"] = _share(settings.canary_share)
    elif strategy == "linear":
        routing["LinearStepSize"] = _share(settings.linear_share)
    return routing


def _share(share: float) -> dict[str, JsonValue]:
    return {"Type": "CAPACITY_PERCENT", "Value": max(1, round(100 * share))}


def _check_time(settings: RolloutSettings, strategy: Strategy) -> None:
    needed = planned_seconds(settings, strategy)
    if needed >= settings.maximum_seconds:
        raise Conflict(
            f"The {strategy} rollout takes {needed} seconds even without starting instances, and "
            f"SageMaker would take it back after {settings.maximum_seconds}.",
            hint="Raise serving.rollout.maximum_seconds, or bake for a shorter time.",
        )


def _quiet(
    wanted: Sequence[str], alarms: Mapping[str, Alarm]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the alarms that can be armed, and the others."""
    quiet = tuple(name for name in wanted if name in alarms and alarms[name].state != IN_ALARM)
    return quiet, tuple(name for name in wanted if name not in quiet)


def _check_alarms(
    endpoint: str, wanted: Sequence[str], alarms: Mapping[str, Alarm], *, may_ring: bool
) -> None:
    if len(wanted) > MOST_ALARMS:
        raise Conflict(
            f"SageMaker takes at most {MOST_ALARMS} rollback alarms, not {len(wanted)}.",
            hint="Join some of them to a composite alarm.",
        )
    if not wanted:
        raise Conflict("No alarm would take this rollout back.", hint=_ALARMS_HINT)
    for name in wanted:
        if name not in alarms:
            raise Conflict(f"There is no alarm {name} to take the rollout back.", hint=_ALARMS_HINT)
        if alarms[name].state == IN_ALARM and not may_ring:
            raise Conflict(
                f"The alarm {name} is in ALARM already, so that the rollout would be taken back "
                f"at once: {alarms[name].reason}",
                hint="Find out what is wrong in production first; `visionml rollback` goes back.",
            )
        for metric in alarms[name].metrics:
            _check_metric(name, metric, endpoint)


def _check_metric(alarm: str, metric: WatchedMetric, endpoint: str) -> None:
    """Refuse an alarm on what SageMaker never publishes: it would stay quiet for ever."""
    if metric.namespace != SAGEMAKER:
        return
    if metric.name not in ENDPOINT_METRICS:
        fault = f"SageMaker publishes no metric {metric.name} of an endpoint"
    elif metric.dimensions.get("EndpointName") != endpoint:
        fault = f"it watches the endpoint {metric.dimensions.get('EndpointName')}, not {endpoint}"
    elif set(metric.dimensions) != {"EndpointName", "VariantName"}:
        fault = f"SageMaker publishes {metric.name} by EndpointName and VariantName"
    else:
        return
    raise Conflict(f"The alarm {alarm} would never go off: {fault}.", hint=_ALARMS_HINT)
