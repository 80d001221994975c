"""How an update moves traffic to a new fleet: a ``DeploymentConfig``, checked, as stages.

Sizes and waits are AWS's (API reference: ``TrafficRoutingConfig``, ``BlueGreenUpdatePolicy``,
``RollingUpdatePolicy``; developer guide: "Deployment guardrails"). Traffic moves by whole
instances, as there: a canary of 10 % on two instances is one instance, with half of the traffic.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.faults import invalid

Counts = Mapping[str, int]
"""Instances by variant."""

_LARGEST_PERCENT = 50
_SMALLEST_PERCENT = {"LinearStepSize": 10, "MaximumBatchSize": 5}
_SIZES = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


@dataclass(frozen=True)
class Activate:
    """Send the new fleet traffic on this many instances of each variant."""

    active: Counts
    capacity: str
    """``canary``, ``partial`` or ``full``, as status messages say it."""


@dataclass(frozen=True)
class Bake:
    """Watch the alarms for some time, before anything else happens."""

    seconds: int
    setting: str
    capacity: str
    active: Counts


@dataclass(frozen=True)
class Launch:
    """Bring up the new fleet's instances, up to this many of each variant."""

    count: Counts


@dataclass(frozen=True)
class Retire:
    """Take instances of the old fleet out of service, down to this many of each variant."""

    left: Counts


Stage = Launch | Activate | Bake | Retire


@dataclass(frozen=True)
class Rollout:
    """What an update does, in order, and what ends it."""

    stages: tuple[Stage, ...]
    alarms: tuple[str, ...] = ()
    maximum_seconds: float = math.inf
    rollback_batch: int | None = None
    """Of a rolling update: how many old instances come back at a time; None for all at once."""

    @property
    def waiting_seconds(self) -> int:
        """The time that the stages wait."""
        return sum(stage.seconds for stage in self.stages if isinstance(stage, Bake))


def check(config: Document) -> None:
    """Refuse a ``DeploymentConfig`` that no endpoint could use."""
    policy = config.get("BlueGreenUpdatePolicy")
    if policy and config.get("RollingUpdatePolicy"):
        raise invalid(
            "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy may be specified in "
            "DeploymentConfig."
        )
    if policy:
        routing = policy["TrafficRoutingConfiguration"]
        wanted = _SIZES.get(routing["Type"])
        for member in _SIZES.values():
            if member == wanted and not routing.get(member):
                raise invalid(
                    f"{member} is required for traffic routing of type {routing['Type']}."
                )
            if member != wanted and routing.get(member):
                raise invalid(
                    f"{member} must not be specified for traffic routing of type {routing['Type']}."
                )
    names = alarms_of(config)
    if len(names) != len(set(names)):
        raise invalid("Alarm names must be unique within AutoRollbackConfiguration.")


def alarms_of(config: Document) -> tuple[str, ...]:
    """Return the names of the alarms that take a deployment back."""
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return tuple(alarm["AlarmName"] for alarm in alarms if alarm.get("AlarmName"))


def rollout_of(config: Document, *, old: Counts, new: Counts) -> Rollout:
    """Return what an update of an endpoint with `old` instances to `new` ones does.

    Raises
    ------
    Fault
        ``ValidationException``: the configuration does not fit the fleets.
    """
    check(config)
    alarms = alarms_of(config)
    rolling, policy = config.get("RollingUpdatePolicy"), config.get("BlueGreenUpdatePolicy", {})
    stepwise = rolling or policy.get("TrafficRoutingConfiguration", {}).get("Type") in _SIZES
    if stepwise and set(old) != set(new):
        raise invalid(
            "The new endpoint configuration must have the same variant names as the current one "
            f"({', '.join(sorted(old))}) when traffic is shifted in steps; it has "
            f"{', '.join(sorted(new))}."
        )
    if rolling:
        made = _rolling(rolling, alarms, old=old, new=new)
    else:
        made = Rollout((Launch(new), *_blue_green(policy, new)), alarms, _limit(policy))
    made = replace(made, stages=tuple(s for s in made.stages if not _idle(s)))
    if made.waiting_seconds >= made.maximum_seconds:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({made.maximum_seconds}) must be larger than the "
            f"total waiting time of the deployment ({made.waiting_seconds} seconds)."
        )
    return made


def _idle(stage: Stage) -> bool:
    return isinstance(stage, Bake) and stage.seconds == 0


def _limit(policy: Document) -> float:
    return float(policy.get("MaximumExecutionTimeoutInSeconds", math.inf))


def _blue_green(policy: Document, new: Counts) -> list[Stage]:
    routing = policy.get("TrafficRoutingConfiguration", {})
    wait = int(routing.get("WaitIntervalInSeconds", 0))
    stages: list[Stage] = []
    for active in _shifts(routing, new):
        word = _capacity(routing.get("Type"), full=active == new)
        stages += [Activate(active, word), Bake(wait, "WaitIntervalInSeconds", word, active)]
    final = int(policy.get("TerminationWaitInSeconds", 0))
    return [*stages, Bake(final, "TerminationWaitInSeconds", "full", new)]


def _capacity(kind: str | None, *, full: bool) -> str:
    return "full" if full else "canary" if kind == "CANARY" else "partial"


def _shifts(routing: Document, new: Counts) -> list[Counts]:
    """Return the instances with traffic after each shift."""
    member = _SIZES.get(routing.get("Type", ""))
    if member is None:
        return [dict(new)]
    batch = {name: _batch(member, routing[member], name, count) for name, count in new.items()}
    if member == "CanarySize":
        return [batch, dict(new)]
    return _cumulative(batch, new)


def _cumulative(batch: Counts, total: Counts) -> list[Counts]:
    steps = max(math.ceil(count / batch[name]) for name, count in total.items())
    return [
        {name: min(count, step * batch[name]) for name, count in total.items()}
        for step in range(1, steps + 1)
    ]


def _batch(member: str, size: Document, variant: str, count: int) -> int:
    """Return how many of a variant's instances a step takes."""
    value, percent = int(size["Value"]), size["Type"] == "CAPACITY_PERCENT"
    smallest = _SMALLEST_PERCENT.get(member, 1)
    share = value if percent else 100 * value / count
    if count < 2:
        raise invalid(
            f"{member}: variant {variant} must have at least 2 instances for traffic to be shifted "
            f"in steps; it has {count}."
        )
    if not smallest <= share <= _LARGEST_PERCENT:
        given = f"{value}%" if percent else f"{value} of {count} instances"
        raise invalid(
            f"{member} must be between {smallest}% and {_LARGEST_PERCENT}% of the capacity of "
            f"variant {variant}; {given} is not."
        )
    return max(1, value * count // 100) if percent else value


def _rolling(policy: Document, alarms: tuple[str, ...], *, old: Counts, new: Counts) -> Rollout:
    if len(new) != 1:
        raise invalid("A rolling deployment is not supported for endpoints with several variants.")
    ((name, count),) = new.items()
    batch = {name: _batch("MaximumBatchSize", policy["MaximumBatchSize"], name, count)}
    steps: Sequence[Counts] = [{name: 0}, *_cumulative(batch, new)]
    wait = int(policy["WaitIntervalInSeconds"])
    stages: list[Stage] = []
    for _before, active in pairwise(steps):
        word = _capacity(None, full=active == new)
        # as many old instances go as new ones have come, and none is left at the end
        left = 0 if active == new else max(1, old[name] - active[name])
        stages += [
            Launch(active),
            Activate(active, word),
            Bake(wait, "WaitIntervalInSeconds", word, active),
            Retire({name: left}),
        ]
    back = policy.get("RollbackMaximumBatchSize")
    return Rollout(
        tuple(stages),
        alarms,
        _limit(policy),
        rollback_batch=_returning(back, old[name]) if back else None,
    )


def _returning(size: Document, count: int) -> int:
    value = int(size["Value"])
    taken = value * count // 100 if size["Type"] == "CAPACITY_PERCENT" else value
    return min(count, max(1, taken))


VariantState = Literal["Creating", "Updating", "Deleting", "ActivatingTraffic", "Baking"]


def message(stage: Stage, variant: str, present: int) -> tuple[VariantState, str]:
    """Return ``VariantStatus``' status and message of a variant that has `present` instances.

    The new fleet's variants say so, in a `Retire` the old one's.
    """
    match stage:
        case Launch(count):
            return "Creating", f"Launching {count[variant] - present} instance(s)."
        case Activate(active, capacity):
            return (
                "ActivatingTraffic",
                f"Activating traffic on {capacity} capacity of {active[variant]} instance(s).",
            )
        case Bake(seconds, setting, capacity, active):
            return (
                "Baking",
                f"Baking for {seconds} seconds ({setting}) with traffic enabled on {capacity} "
                f"capacity of {active[variant]} instance(s).",
            )
        case Retire(left):
            return "Deleting", terminating(present - left[variant])


def terminating(count: int) -> str:
    """Return the status message of instances that are ended."""
    return f"Terminating {count} instance(s)."
