"""The deployment machine: its input, the plan, what the recorder is told, the outcome."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from visionml.contracts.training import RunId

ROLLED_BACK = "DeploymentRolledBack"
"""The error with which the deployment machine ends when the previous version serves again."""

DeploymentId = Annotated[str, Field(pattern=r"^dep-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$")]

OutcomeName = Literal["promoted", "rolled_back", "failed", "unchanged"]

EXIT_CODES: dict[OutcomeName, int] = {
    "promoted": 0,
    "unchanged": 10,
    "rolled_back": 11,
    "failed": 12,
}
"""What `visionml promote` and `visionml rollback` end with."""

DeploymentKind = Literal["promotion", "rollback"]


def new_deployment_id(now: datetime | None = None) -> str:
    """Return ``dep-YYYYMMDD-HHMMSS-xxxx``: it sorts by time."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"dep-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class DeploymentRequest(BaseModel):
    """The deployment machine's input.

    A promotion goes by staging, approval and the rollout that the settings ask for. A rollback
    goes back to a version that has served: all at once, without staging and approval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_version: RunId
    """What ``ModelA`` serves, and ``active-version`` names at the end."""
    deployment_id: DeploymentId
    kind: DeploymentKind = "promotion"
    challenger_version: RunId | None = None
    """What ``ModelB`` serves beside it, with the rest of the traffic (A/B)."""
    shadow_version: RunId | None = None
    """What gets a copy of the traffic, and answers nobody."""


class DeploymentPlan(BaseModel):
    """What the planner answers and the next steps create.

    ``model_name`` and ``endpoint_config_name`` are ``Names.deployed(deployment_id)``, so that
    going back to an earlier version never meets a name that is taken.
    """

    model_config = ConfigDict(frozen=True)

    deployment_id: DeploymentId
    model_version: RunId
    model_name: str
    endpoint_config_name: str
    endpoint_name: str
    image: str
    artefact: str
    """``s3://`` URI of model.tar.gz."""
    package_arn: str
    instance_type: str
    instance_count: int
    """What the endpoint runs now, not what it once started with."""
    previous_config_name: str
    """The configuration that serves while the plan is made."""


class DeploymentReport(BaseModel):
    """What ``handlers/deployment_recorder.py`` is told.

    ``ended``: the update ran to its end, the recorder looks at what serves. ``failed``: a step
    raised ``error`` with ``cause``; ``plan`` is missing when planning itself was refused.
    """

    model_config = ConfigDict(frozen=True)

    action: Literal["ended", "failed"]
    request: DeploymentRequest
    plan: DeploymentPlan | None = None
    step: str | None = None
    error: str | None = None
    cause: str | None = None


class DeploymentOutcome(BaseModel):
    """What a deployment came to; only ``promoted`` is a success."""

    model_config = ConfigDict(frozen=True)

    outcome: OutcomeName
    deployment_id: str
    model_version: str
    active_version: str | None
    """The version in production after the deployment."""
    endpoint_config_name: str | None
    """The configuration that serves."""
    reason: str
