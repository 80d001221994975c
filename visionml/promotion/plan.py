"""A registered version becomes a deployment plan, or is refused before anything is created."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from visionml.aws.alarms import Alarm
from visionml.aws.endpoint import EndpointState
from visionml.aws.s3 import parse_uri, uri
from visionml.contracts import layout
from visionml.contracts.deployment import (
    DeploymentPlan,
    DeploymentRequest,
    DeploymentStart,
    PlannedModel,
)
from visionml.contracts.names import SHADOW, STAGING, VARIANT_A, VARIANT_B, deployed
from visionml.contracts.registry import VersionRecord
from visionml.contracts.settings import RolloutSettings
from visionml.errors import Conflict, InvalidInput, NotFound, VisionmlError
from visionml.promotion.rollout import Fleets, rollout
from visionml.registry.ports import ObjectStore, PackageGroup
from visionml.registry.versions import Versions

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
_SUFFIXES = {VARIANT_A: "", VARIANT_B: "-b", SHADOW: "-shadow"}

Variants = tuple[dict[str, JsonValue], ...]


@dataclass(frozen=True)
class Target:
    """Where a plan leads: the environment's names and settings."""

    prefix: str
    environment: str
    staging_endpoint: str
    instance_type: str
    minimum_instances: int
    traffic_model_a: float
    rollout: RolloutSettings
    alarms: tuple[str, ...]
    """Names of the alarms that take a rollout back."""


@dataclass(frozen=True)
class Production:
    """What is there now."""

    endpoint: EndpointState
    artefacts: Mapping[str, str]
    """Model data that serves, by variant; shadow variants too."""
    alarms: Mapping[str, Alarm]
    """Those of the target's alarms that exist."""


@dataclass(frozen=True)
class Registered:
    """Where versions, their packages and their models are looked up."""

    versions: Versions
    packages: PackageGroup
    objects: ObjectStore


def plan(
    start: DeploymentStart, *, registered: Registered, production: Production, target: Target
) -> DeploymentPlan:
    """Say what to create to put a version on an endpoint.

    Raises
    ------
    InvalidInput
        The request asks for variants that do not go together.
    Conflict
        A model package may not be deployed, the endpoint is busy or broken, or SageMaker would
        refuse the rollout or run it without its alarms.
    NotFound
        A version, its package or its artefact is gone.
    """
    request, endpoint = start.request, production.endpoint
    wanted = _wanted(request)
    records = {version: registered.versions.read(version) for version in wanted.values()}
    approvals = {
        record.version: _approval(record, request, registered.packages)
        for record in records.values()
    }
    for record in records.values():
        _check_artefact(record, registered.objects)
    _check_endpoint(endpoint)
    waits = _check_approvals(start, approvals, target.rollout)
    name = deployed(target.prefix, target.environment, request.deployment_id)
    models = tuple(
        _model(variant, records[version], f"{name}{_SUFFIXES[variant]}")
        for variant, version in wanted.items()
    )
    variants = _variants(models, endpoint, target)
    shadows = tuple(each for each in variants if each["VariantName"] == SHADOW)
    produces = tuple(each for each in variants if each not in shadows)
    same = {each.variant: each.artefact for each in models} == production.artefacts
    way = rollout(
        _baked(target.rollout, request),
        kind="rollback" if same else request.kind,
        endpoint=endpoint.name,
        fleets=_fleets(production, produces),
        wanted=target.alarms,
        alarms=production.alarms,
    )
    return DeploymentPlan(
        deployment_id=request.deployment_id,
        kind=request.kind,
        model_version=request.model_version,
        endpoint_name=endpoint.name,
        endpoint_config_name=name,
        previous_config_name=endpoint.config_name,
        serves_already=same,
        needs_approval=waits,
        package_arn=records[request.model_version].model_package_arn,
        models=models,
        production_variants=produces,
        shadow_variants=shadows,
        staging_name=target.staging_endpoint,
        staging_config_name=f"{name}-{STAGING}",
        staging_variants=tuple({**each, "InitialInstanceCount": 1} for each in produces),
        strategy=way.strategy,
        deployment_config=way.config,
        armed_alarms=way.armed,
        unarmed_alarms=way.unarmed,
        remarks=way.remarks,
    )


def _baked(settings: RolloutSettings, request: DeploymentRequest) -> RolloutSettings:
    """Watch alarms for longer where a deployment asks for that; never for a shorter time."""
    longer = max(settings.bake_seconds, request.bake_seconds or 0)
    return settings.model_copy(update={"bake_seconds": longer})


def _wanted(request: DeploymentRequest) -> dict[str, str]:
    """Return the version that each variant is to serve."""
    if request.challenger_version and request.shadow_version:
        raise InvalidInput(
            "A challenger and a shadow cannot be deployed together: SageMaker takes a shadow "
            "variant beside a single production variant only.",
            hint="Deploy one of them.",
        )
    if request.model_version in (request.challenger_version, request.shadow_version):
        raise InvalidInput(
            f"{request.model_version} cannot be compared with itself.",
            hint="Name another version as challenger or shadow.",
        )
    asked = {
        VARIANT_A: request.model_version,
        VARIANT_B: request.challenger_version,
        SHADOW: request.shadow_version,
    }
    return {variant: version for variant, version in asked.items() if version}


def _approval(record: VersionRecord, request: DeploymentRequest, packages: PackageGroup) -> str:
    """Return a package's approval status; a rollback does without a registry that is down."""
    try:
        return packages.describe(record.model_package_arn).approval
    except VisionmlError:
        if request.kind == "rollback":
            return APPROVED
        raise


def _check_approvals(
    start: DeploymentStart, approvals: Mapping[str, str], settings: RolloutSettings
) -> bool:
    """Refuse what may not be deployed; tell whether a person has yet to approve it."""
    waits = False
    for version, approval in approvals.items():
        if approval == APPROVED:
            continue
        if start.request.kind == "rollback" and approval != REJECTED:
            continue
        may_wait = (
            settings.approval == "manual"
            and start.phase == "prepare"
            and (version, approval) == (start.request.model_version, PENDING)
        )
        if not may_wait:
            raise Conflict(
                f"The version {version} may not be deployed: its model package is "
                f"{approval or 'without an approval status'}, not {APPROVED}.",
                hint="Approve the package or choose another version.",
            )
        waits = True
    return waits


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


def _model(variant: str, record: VersionRecord, name: str) -> PlannedModel:
    bucket = parse_uri(record.artefact).bucket
    report = f"{layout.run_evaluation(record.version)}/{layout.EVALUATION_REPORT}"
    return PlannedModel(
        variant=variant,
        version=record.version,
        model_name=name,
        image=record.image,
        artefact=record.artefact,
        evaluation=uri(bucket, report),
        dataset=record.dataset,
        dataset_version=record.dataset_version,
    )


def _variants(
    models: tuple[PlannedModel, ...], endpoint: EndpointState, target: Target
) -> Variants:
    running = {variant.name: variant.instances for variant in endpoint.variants}
    fallback = {VARIANT_A: max(running.values(), default=0)}
    weights = _weights(models, target)
    return tuple(
        {
            "VariantName": model.variant,
            "ModelName": model.model_name,
            "InstanceType": target.instance_type,
            "InitialInstanceCount": max(
                running.get(model.variant, fallback.get(model.variant, 0)),
                1 if model.variant == SHADOW else target.minimum_instances,
            ),
            "InitialVariantWeight": weights[model.variant],
        }
        for model in models
    )


def _weights(models: tuple[PlannedModel, ...], target: Target) -> dict[str, float]:
    """Share traffic between A and B; a shadow gets a copy of all of it."""
    compared = any(model.variant == VARIANT_B for model in models)
    share = target.traffic_model_a if compared else 1.0
    return {VARIANT_A: share, VARIANT_B: round(1 - share, 6), SHADOW: 1.0}


def _fleets(production: Production, variants: Variants) -> Fleets:
    known = production.artefacts
    return Fleets(
        blue={variant.name: variant.instances for variant in production.endpoint.variants},
        green={
            str(each["VariantName"]): int(str(each["InitialInstanceCount"])) for each in variants
        },
        answering=not known or any(known.values()),
    )
