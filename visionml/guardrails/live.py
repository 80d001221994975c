"""Mistakes in an environment that stands, found before a rollout meets them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from visionml.contracts.settings import ServingSettings
from visionml.guardrails.check import Finding

IN_SERVICE = "InService"
IN_ALARM = "ALARM"

REASONS = {
    "live-alarm-missing": "A rollout whose alarms do not exist is refused.",
    "live-alarm-ringing": "A rollout that begins with an alarm in ALARM is refused.",
    "live-endpoint": "An endpoint that is not InService takes no update.",
    "live-single-instance": "A fleet of one instance cannot shift a share of its traffic.",
    "live-active-version": "Rollback needs active-version to name a version that is registered.",
}
"""The checks of what stands, each with its reason."""


@dataclass(frozen=True)
class Standing:
    """What an environment's account tells."""

    endpoint_status: str | None
    """None when there is no endpoint."""
    instances: Mapping[str, int]
    """By variant."""
    wanted_alarms: tuple[str, ...]
    alarm_states: Mapping[str, str]
    """Of those that exist."""
    active_version: str | None
    registered: frozenset[str]
    """The versions whose records can be read."""


def check(standing: Standing, serving: ServingSettings) -> list[Finding]:
    """Return what would stop or harm the next rollout."""
    return [*_alarms(standing), *_endpoint(standing, serving), *_version(standing)]


def _alarms(standing: Standing) -> Iterator[Finding]:
    for name in standing.wanted_alarms:
        state = standing.alarm_states.get(name)
        if state is None:
            yield Finding(
                "live-alarm-missing", name, "There is no such alarm.", "Run `visionml deploy`."
            )
        elif state == IN_ALARM:
            yield Finding(
                "live-alarm-ringing",
                name,
                "It is in ALARM.",
                "docs/operations.md says what to do about it; promote when it is quiet.",
            )


def _endpoint(standing: Standing, serving: ServingSettings) -> Iterator[Finding]:
    status = standing.endpoint_status
    if status is None:
        yield Finding("live-endpoint", "endpoint", "There is none.", "Run `visionml deploy`.")
        return
    if status != IN_SERVICE:
        advice = (
            "docs/operations.md says how to create it again."
            if status == "Failed"
            else "Wait until the update has ended."
        )
        yield Finding("live-endpoint", "endpoint", f"It is {status}.", advice)
    if serving.rollout.strategy == "all_at_once" or not standing.active_version:
        return  # a first promotion goes all at once
    for variant, count in standing.instances.items():
        if count < 2:
            yield Finding(
                "live-single-instance",
                variant,
                f"It runs on {count} instance; the next rollout goes all at once.",
                "Raise serving.minimum_instances, or wait for the load to come back.",
            )


def _version(standing: Standing) -> Iterator[Finding]:
    active = standing.active_version
    if active is not None and active not in standing.registered:
        yield Finding(
            "live-active-version",
            "active-version",
            f"It names {active}, which has no readable record.",
            "`visionml rollback --to VERSION` names a version that has one.",
        )
