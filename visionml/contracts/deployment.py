"""The deployment machine: its input, the plan, what the recorder is told, the outcome."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from visionml.contracts.training import RunId

ROLLED_BACK = "DeploymentRolledBack"
"""The error with which the deployment machine ends when the previous version serves again."""

APPROVAL_REJECTED = "ApprovalRejected"
"""The error of a deployment whose model package a person has rejected."""

STAGING_FAILED = "StagingFailed"
"""The error of a deployment whose model did not show on staging what its evaluation had said."""

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
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """How long alarms are watched after each shift, where that is longer than the settings ask."""


class DeploymentStart(BaseModel):
    """What the planner is told: ``prepare`` before staging, ``update`` before the endpoint moves.

    A rollback has no staging; its one plan is made for ``update``.
    """

    model_config = ConfigDict(frozen=True)

    request: DeploymentRequest
    execution: str
    """ARN of the deployment machine's execution."""
    phase: Literal["prepare", "update"]


class PlannedModel(BaseModel):
    """One SageMaker model that a deployment creates, and the variant that it answers as."""

    model_config = ConfigDict(frozen=True)

    variant: str
    version: RunId
    model_name: str
    image: str
    artefact: str
    """``s3://`` URI of model.tar.gz."""
    evaluation: str
    """``s3://`` URI of its evaluation report."""
    dataset: str
    dataset_version: str


class DeploymentPlan(BaseModel):
    """What the planner answers and the next steps create.

    Names come from ``Names.deployed(deployment_id)``, so that going back to an earlier version
    never meets a name that is taken.
    """

    model_config = ConfigDict(frozen=True)

    deployment_id: DeploymentId
    kind: DeploymentKind
    model_version: RunId
    endpoint_name: str
    endpoint_config_name: str
    previous_config_name: str
    """The configuration that serves while the plan is made."""
    serves_already: bool = False
    """The endpoint serves exactly this, so that nothing is to be created."""
    needs_approval: bool = False
    """A person has yet to approve ``package_arn``."""
    package_arn: str
    models: tuple[PlannedModel, ...]
    production_variants: tuple[dict[str, JsonValue], ...]
    """As CreateEndpointConfig takes them, with the instance counts of now."""
    shadow_variants: tuple[dict[str, JsonValue], ...] = ()
    staging_name: str
    """Of the endpoint on which the models are tried first."""
    staging_config_name: str
    staging_variants: tuple[dict[str, JsonValue], ...]
    strategy: Literal["canary", "linear", "all_at_once"]
    deployment_config: dict[str, JsonValue]
    """As UpdateEndpoint takes it."""
    armed_alarms: tuple[str, ...]
    """Any of them takes the rollout back."""
    unarmed_alarms: tuple[str, ...] = ()
    """Those that could not be armed for a rollback, or for a first promotion: in ALARM already."""
    remarks: tuple[str, ...] = ()
    """Where the plan departs from the settings, and why."""


class VariantCheck(BaseModel):
    """What one model showed on the staging endpoint."""

    model_config = ConfigDict(frozen=True)

    variant: str
    version: str
    images: int
    """Holdout images that it read."""
    accuracy: float
    expected_accuracy: float
    """Of the evaluation: on the same images where it says which ones were misread."""
    latency_p50_ms: float
    latency_p99_ms: float
    faults: tuple[str, ...] = ()
    """A sentence for each thing that is not as it should be."""


class StagingReport(BaseModel):
    """What ``handlers/staging_checker.py`` answers."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    reason: str
    checks: tuple[VariantCheck, ...]


class StepFailure(BaseModel):
    """The step of the machine that failed, with Step Functions' error and cause."""

    model_config = ConfigDict(frozen=True)

    step: str
    error: str
    cause: str = ""


class DeploymentReport(BaseModel):
    """What ``handlers/deployment_recorder.py`` is told, on every path.

    The recorder looks at what serves; what is said here explains it. ``plan`` is missing when
    planning itself was refused.
    """

    model_config = ConfigDict(frozen=True)

    request: DeploymentRequest
    started: datetime
    plan: DeploymentPlan | None = None
    updated: bool = False
    """SageMaker has taken the update of the endpoint."""
    failure: StepFailure | None = None
    staging: StagingReport | None = None
    missed_probes: int = 0
    """How often the known images could not be sent while traffic shifted."""

    @field_validator("plan", "failure", "staging", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        """Read ``{}``, which the machine says where there is nothing."""
        return value or None


class DeploymentOutcome(BaseModel):
    """What a deployment came to; ``promoted`` alone has changed what serves."""

    model_config = ConfigDict(frozen=True)

    outcome: OutcomeName
    deployment_id: str
    kind: DeploymentKind = "promotion"
    model_version: str
    challenger_version: str | None = None
    shadow_version: str | None = None
    active_version: str | None
    """The version in production after the deployment."""
    previous_version: str | None = None
    """The version in production before it."""
    endpoint_config_name: str | None
    """The configuration that serves."""
    reason: str
    step: str | None = None
    """The step that failed."""
    strategy: str | None = None
    unarmed_alarms: tuple[str, ...] = ()
    seconds: float | None = None
    """From the start of the machine to this record."""
