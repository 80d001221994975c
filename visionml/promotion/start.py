"""Starts the deployment machine and waits for what it came to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visionml.aws import executions
from visionml.contracts.deployment import (
    EXIT_CODES,
    DeploymentOutcome,
    DeploymentRequest,
    new_deployment_id,
)
from visionml.contracts.lineage import deployment_node
from visionml.registry.lineage import Lineage

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Deployment:
    """A deployment under way."""

    deployment_id: str
    execution_arn: str


def start(
    states: "SFNClient",
    machine_arn: str,
    version: str,
    *,
    deployment_id: str | None = None,
    challenger: str | None = None,
    shadow: str | None = None,
    bake_seconds: int | None = None,
) -> Deployment:
    """Start putting a registered version on the endpoint.

    The same `deployment_id` and versions again is the same deployment.

    Raises
    ------
    Conflict
        The deployment id was used for other versions.
    NotFound
        The deployment machine does not exist.
    """
    request = DeploymentRequest(
        model_version=version,
        deployment_id=deployment_id or new_deployment_id(),
        challenger_version=challenger,
        shadow_version=shadow,
        bake_seconds=bake_seconds,
    )
    arn = executions.start(
        states, machine_arn, name=request.deployment_id, payload=request.model_dump(mode="json")
    )
    return Deployment(request.deployment_id, arn)


def watch(
    states: "SFNClient",
    deployment: Deployment,
    *,
    on_step: Callable[[executions.Step], None] | None = None,
    timeout_seconds: float = 3600,
    interval_seconds: float = 1.0,
) -> DeploymentOutcome:
    """Wait until a deployment has ended and return its outcome, which is ``promoted``.

    Raises
    ------
    RolledBack
        The previous version serves again.
    JobFailed
        The deployment was refused or failed; the message says why and what to do.
    Unavailable
        It has not ended within `timeout_seconds`.
    """
    output = executions.watch(
        states,
        deployment.execution_arn,
        on_step=on_step,
        timeout_seconds=timeout_seconds,
        interval_seconds=interval_seconds,
    )
    return DeploymentOutcome.model_validate(output)


def recorded(lineage: Lineage, deployment_id: str) -> DeploymentOutcome | None:
    """Return what a deployment came to, or None while it is under way or when it left no record."""
    node = lineage.find(deployment_node(deployment_id))
    if node is None or node.status not in EXIT_CODES:
        return None
    return DeploymentOutcome.model_validate({**node.facts, "outcome": node.status})
