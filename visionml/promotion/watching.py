"""Keeps ``active-version`` and what serves the same, whichever of the two somebody changed.

A person may set the parameter to an earlier version, and that version is put back into production.
Whatever cannot come true is taken out of the parameter again: it never names what does not serve.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from visionml.aws.parameters import Parameter
from visionml.contracts.lineage import deployment_node
from visionml.errors import InvalidInput, VisionmlError
from visionml.promotion.in_service import InService
from visionml.registry.lineage import Lineage

Cause = Literal["changed", "ended", "scheduled"]
"""Somebody wrote the parameter, a deployment has ended, or it is time to look."""


@dataclass(frozen=True)
class Occasion:
    """Why the parameter is looked at now."""

    cause: Cause
    at: datetime
    deployment_id: str | None = None
    """The deployment that has ended."""


class Verdict(BaseModel):
    """What is to be done about the parameter."""

    model_config = ConfigDict(frozen=True)

    action: Literal["keep", "roll_back", "put_back"]
    wanted: str | None
    """What the parameter holds."""
    serving: str | None
    reason: str


def occasion_of(event: Mapping[str, Any]) -> Occasion:
    """Return what an event of EventBridge tells.

    Raises
    ------
    InvalidInput
        It is none of Parameter Store's, Step Functions' or a schedule's.
    """
    try:
        source, at = event["source"], datetime.fromisoformat(event["time"])
        if source == "aws.ssm":
            return Occasion("changed", at)
        if source == "aws.events":
            return Occasion("scheduled", at)
        if source == "aws.states":
            detail = event["detail"]
            ended = datetime.fromtimestamp(detail["stopDate"] / 1000, UTC)
            return Occasion("ended", ended, detail["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"The event says too little: {error}.") from error
    raise InvalidInput(f"Events of {source!r} say nothing of active-version.")


def ending(lineage: Lineage, deployment_id: str) -> str:
    """Return what is recorded of a deployment's end."""
    node = lineage.find(deployment_node(deployment_id))
    if node is None or "reason" not in node.facts:
        return f"The deployment {deployment_id} has ended without a record."
    return f"The deployment {deployment_id} ended as {node.status}: {node.facts['reason']}"


def decide(
    occasion: Occasion,
    *,
    asked: Parameter | None,
    now: InService,
    holder: str | None,
    check: Callable[[str], object],
    why: Callable[[str], str],
) -> Verdict:
    """Say what to do about the parameter as it is.

    Parameters
    ----------
    holder
        The deployment that has the endpoint now, if one does.
    check
        Raises this package's errors for a version to which there is no going back.
    why
        Returns what is recorded of a deployment's end.
    """
    wanted = asked.value if asked else None
    kept = _kept(occasion, asked, now, holder)
    denied = "" if kept else _denied(occasion, asked, now, holder, check) or _ended(occasion, why)
    return Verdict(
        action="keep" if kept else "put_back" if denied else "roll_back",
        wanted=wanted,
        serving=now.version,
        reason=kept or denied or f"It was set to {wanted}, which does not serve.",
    )


def _kept(occasion: Occasion, asked: Parameter | None, now: InService, holder: str | None) -> str:
    """Return why the parameter stays as it is, if it does."""
    if (asked.value if asked else None) == now.version:
        return "It names what serves."
    if holder and occasion.cause != "changed":
        return f"The deployment {holder} is under way; its end is waited for."
    if asked and occasion.cause == "ended" and asked.modified > occasion.at:
        return "It was set after that deployment; its own event follows."
    return ""


def _denied(
    occasion: Occasion,
    asked: Parameter | None,
    now: InService,
    holder: str | None,
    check: Callable[[str], object],
) -> str:
    """Return why what the parameter asks for cannot come true, if it cannot."""
    if asked is None:
        return "It was not there."
    try:
        check(asked.value)
    except VisionmlError as error:
        return str(error)
    if holder:
        return f"The deployment {holder} is under way. Set it again when that one has ended."
    moved = now.endpoint.modified
    if occasion.cause == "scheduled" and moved and moved > asked.modified:
        return "The endpoint was changed after it was set."
    return ""


def _ended(occasion: Occasion, why: Callable[[str], str]) -> str:
    """Return what is recorded of the deployment that has ended, if that is the occasion."""
    return why(occasion.deployment_id or "") if occasion.cause == "ended" else ""


def notice(parameter: str, verdict: Verdict) -> str:
    """Return what people are told when the parameter was put back."""
    was = "was missing" if verdict.wanted is None else f"was set to {verdict.wanted!r}"
    serves = (
        f"It names {verdict.serving} again, which serves."
        if verdict.serving
        else "No registered version serves, so it was deleted."
    )
    return f"{parameter} {was}. {verdict.reason} {serves}"
