"""A registered version becomes a deployment plan, or is refused before anything is created."""

from dataclasses import dataclass

from visionml.aws.endpoint import EndpointState
from visionml.contracts.deployment import DeploymentPlan, DeploymentRequest
from visionml.contracts.names import deployed
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, NotFound
from visionml.registry.ports import ObjectStore, PackageGroup

APPROVED = "Approved"


@dataclass(frozen=True)
class Target:
    """Where a plan leads: the environment's names and the size it must not fall below."""

    prefix: str
    environment: str
    instance_type: str
    minimum_instances: int


def plan(
    request: DeploymentRequest,
    record: VersionRecord,
    *,
    endpoint: EndpointState,
    packages: PackageGroup,
    objects: ObjectStore,
    target: Target,
) -> DeploymentPlan:
    """Say what to create to put a version on an endpoint.

    Raises
    ------
    Conflict
        The model package is not approved, or the endpoint is busy or broken.
    NotFound
        The package or the artefact is gone.
    """
    _check_package(record, packages)
    _check_artefact(record, objects)
    _check_endpoint(endpoint)
    name = deployed(target.prefix, target.environment, request.deployment_id)
    running = max((variant.instances for variant in endpoint.variants), default=0)
    return DeploymentPlan(
        deployment_id=request.deployment_id,
        model_version=record.version,
        model_name=name,
        endpoint_config_name=name,
        endpoint_name=endpoint.name,
        image=record.image,
        artefact=record.artefact,
        package_arn=record.model_package_arn,
        instance_type=target.instance_type,
        instance_count=max(running, target.minimum_instances),
        previous_config_name=endpoint.config_name,
    )


def _check_package(record: VersionRecord, packages: PackageGroup) -> None:
    package = packages.describe(record.model_package_arn)
    if package.approval != APPROVED:
        raise Conflict(
            f"The version {record.version} may not be deployed: its model package is "
            f"{package.approval or 'without an approval status'}, not {APPROVED}.",
            hint=f"Approve {record.model_package_arn} or choose another version.",
        )


def _check_artefact(record: VersionRecord, objects: ObjectStore) -> None:
    if not objects.exists(record.artefact):
        raise NotFound(
            f"The model of the version {record.version} is gone: there is no {record.artefact}.",
            hint="Restore an earlier version of that object, or choose another model version.",
        )


def _check_endpoint(endpoint: EndpointState) -> None:
    if endpoint.in_service:
        return
    if endpoint.status == "Failed":
        raise Conflict(
            f"The endpoint {endpoint.name} has failed: {endpoint.failure or 'no reason given'}.",
            hint="Delete it and deploy the serving stack again.",
        )
    raise Conflict(
        f"The endpoint {endpoint.name} is busy: it is {endpoint.status}.",
        hint="Wait until it is InService, then start the deployment again.",
    )
