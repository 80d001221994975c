"""The operations on endpoints."""

from visionml.local.sagemaker import hosting, scaling
from visionml.local.sagemaker.core import Caller, Document, Listing, Scope, listed, tags_of
from visionml.local.sagemaker.deployment import Deployment, EndpointClock
from visionml.local.sagemaker.faults import invalid
from visionml.local.sagemaker.fleet import Fleet
from visionml.local.sagemaker.hosting import Endpoint, EndpointConfig, ModelGone
from visionml.local.sagemaker.hosting_operations import config_of, found
from visionml.local.sagemaker.rollout import Rollout, check, rollout_of
from visionml.local.sagemaker.state import State

_FAILED = ("Failed", "UpdateRollbackFailed")
"""Statuses from which an endpoint can only be deleted."""
_ENDPOINTS = Listing("Endpoints", "EndpointName", "EndpointStatus", descending=True)


def create_endpoint(state: State, caller: Caller, request: Document) -> Document:
    """CreateEndpoint."""
    name = request["EndpointName"]
    config = config_of(state, caller.scope, request["EndpointConfigName"])
    arn = caller.scope.arn("endpoint", name)
    endpoint = Endpoint(caller.scope, name, arn, request, tags=tags_of(request))
    endpoint.config_name = config.name
    check(request.get("DeploymentConfig", {}))
    endpoint.facts["LastDeploymentConfig"] = request.get("DeploymentConfig")
    fleet = _fleet(state, config, name)
    if not state.endpoints.add(endpoint):
        raise invalid(f'Cannot create already existing endpoint "{arn}".')
    state.cloud.run(
        caller.scope,
        lambda: hosting.create(endpoint, fleet, state.cloud),
        name=f"create-{name}",
    )
    return {"EndpointArn": arn}


def describe_endpoint(state: State, caller: Caller, request: Document) -> Document:
    """DescribeEndpoint."""
    return _endpoint(state, caller.scope, request["EndpointName"]).described()


def list_endpoints(state: State, caller: Caller, request: Document) -> Document:
    """ListEndpoints."""
    return _ENDPOINTS.page(request, listed(state.endpoints.of(caller.scope)))


def update_endpoint(state: State, caller: Caller, request: Document) -> Document:
    """UpdateEndpoint."""
    endpoint = _endpoint(state, caller.scope, request["EndpointName"])
    config = config_of(state, caller.scope, request["EndpointConfigName"])
    planned = _planned(endpoint, request)
    fleet = _fleet(state, config, endpoint.name)
    _retain(fleet, endpoint, request)
    with endpoint.lock:
        _check_steady(endpoint)
        rollout = _rollout(state, endpoint, fleet, planned or {})
        endpoint.status = "Updating"
        # as on AWS, an update that neither passes nor retains a configuration leaves none armed
        endpoint.learn(LastDeploymentConfig=planned)
    deployment = Deployment(endpoint, fleet, rollout, state.cloud, EndpointClock(endpoint))
    state.cloud.run(caller.scope, deployment.run, name=f"update-{endpoint.name}")
    return {"EndpointArn": endpoint.arn}


def _planned(endpoint: Endpoint, request: Document) -> Document | None:
    """Return the deployment configuration that an update passes, or retains."""
    planned: Document | None = request.get("DeploymentConfig")
    if not request.get("RetainDeploymentConfig"):
        return planned
    if planned is not None:
        raise invalid("DeploymentConfig must not be specified when RetainDeploymentConfig is true.")
    return endpoint.facts.get("LastDeploymentConfig")


def _retain(fleet: Fleet, endpoint: Endpoint, request: Document) -> None:
    """Give the variants of a new fleet what an update retains of those that serve."""
    excluded = request.get("ExcludeRetainedVariantProperties", [])
    if not request.get("RetainAllVariantProperties"):
        if excluded:
            raise invalid(
                "ExcludeRetainedVariantProperties must only be specified when "
                "RetainAllVariantProperties is true."
            )
        return
    left_out = {each["VariantPropertyType"] for each in excluded}
    for variant in fleet.everyone:
        current = endpoint.fleet.variant(variant.name) if endpoint.fleet else None
        if current is not None and "DesiredInstanceCount" not in left_out:
            variant.desired = current.desired
        if current is not None and "DesiredWeight" not in left_out:
            variant.weight = current.weight


def _rollout(state: State, endpoint: Endpoint, fleet: Fleet, config: Document) -> Rollout:
    """Return what a deployment configuration means for an endpoint; its alarms must be at rest."""
    current = endpoint.fleet.desired if endpoint.fleet else {}
    made = rollout_of(config, old=current, new=fleet.desired)
    for role in sorted({variant.design.role for variant in fleet.variants}):
        for alarm in made.alarms:
            if not state.cloud.may_watch(endpoint.scope, role, alarm):
                raise invalid(
                    f'Could not describe the alarm "{alarm}". Please ensure that the role '
                    f'"{role}" has the permission "cloudwatch:DescribeAlarms".'
                )
    states = {alarm: state.cloud.alarm_state(endpoint.scope, alarm) for alarm in made.alarms}
    unknown = [alarm for alarm, value in states.items() if value is None]
    if unknown:
        raise invalid(f"Could not find the CloudWatch alarms [{', '.join(unknown)}].")
    tripped = [alarm for alarm, value in states.items() if value == "ALARM"]
    if tripped:
        raise invalid(
            f"The CloudWatch alarms [{', '.join(tripped)}] are in state ALARM already. A "
            "deployment that they guard would be rolled back at once."
        )
    return made


def delete_endpoint(state: State, caller: Caller, request: Document) -> Document:
    """DeleteEndpoint."""
    endpoint = _endpoint(state, caller.scope, request["EndpointName"])
    with endpoint.lock:
        _check_steady(endpoint, also=_FAILED)
        endpoint.status = "Deleting"
    state.cloud.run(
        caller.scope,
        lambda: hosting.delete(endpoint, state.cloud, state.endpoints),
        name=f"delete-{endpoint.name}",
    )
    return {}


def update_weights_and_capacities(state: State, caller: Caller, request: Document) -> Document:
    """UpdateEndpointWeightsAndCapacities."""
    endpoint = _endpoint(state, caller.scope, request["EndpointName"])
    with endpoint.lock:
        _check_steady(endpoint)
        work = scaling.changes(endpoint, request["DesiredWeightsAndCapacities"])
        endpoint.status = "Updating"
    state.cloud.run(
        caller.scope,
        lambda: scaling.scale(endpoint, work, state.cloud),
        name=f"scale-{endpoint.name}",
    )
    return {"EndpointArn": endpoint.arn}


def _check_steady(endpoint: Endpoint, *, also: tuple[str, ...] = ()) -> None:
    if endpoint.status not in ("InService", *also):
        kind = "failed" if endpoint.status in _FAILED else "in-progress"
        raise invalid(f'Cannot update {kind} endpoint "{endpoint.arn}".')


def _fleet(state: State, config: EndpointConfig, endpoint_name: str) -> Fleet:
    try:
        return hosting.fleet_of(config, endpoint_name, state.models, state.cloud)
    except ModelGone as gone:
        raise invalid(str(gone)) from gone


def _endpoint(state: State, scope: Scope, name: str) -> Endpoint:
    return found(state.endpoints.get(scope, name), "endpoint", scope.arn("endpoint", name))
