"""The operations on models, endpoint configurations and endpoints."""

from typing import TypeVar

from visionml.local.sagemaker import hosting
from visionml.local.sagemaker.core import Caller, Document, Listing, Record, Scope, listed, tags_of
from visionml.local.sagemaker.deployment import Clock, Deployment
from visionml.local.sagemaker.faults import invalid, not_offered
from visionml.local.sagemaker.fleet import Fleet
from visionml.local.sagemaker.hosting import Endpoint, EndpointConfig, Model, ModelGone
from visionml.local.sagemaker.objects import Location, Objects
from visionml.local.sagemaker.registry_operations import container_of
from visionml.local.sagemaker.rollout import Rollout, check, rollout_of
from visionml.local.sagemaker.state import State

R = TypeVar("R", bound=Record)

_MODELS = Listing("Models", "ModelName", descending=True)
_CONFIGS = Listing("EndpointConfigs", "EndpointConfigName", descending=True)
_ENDPOINTS = Listing("Endpoints", "EndpointName", "EndpointStatus", descending=True)


def create_model(state: State, caller: Caller, request: Document) -> Document:
    """CreateModel."""
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise invalid("ExecutionRoleArn is required.")
    name = request["ModelName"]
    arn = caller.scope.arn("model", name)
    container = _container(state, caller.scope, request)
    state.cloud.lend_role(caller, role)
    state.cloud.image(container["Image"], role)
    if container.get("ModelDataUrl"):
        _check_data(state, container["ModelDataUrl"], role)
    kept = {**request, "PrimaryContainer": container}
    model = Model(caller.scope, name, arn, kept, tags=tags_of(request))
    model.facts["ModelArn"] = arn
    if not state.models.add(model):
        raise invalid(f'Cannot create already existing model "{arn}".')
    return {"ModelArn": arn}


def describe_model(state: State, caller: Caller, request: Document) -> Document:
    """DescribeModel."""
    return _model(state, caller.scope, request["ModelName"]).described()


def list_models(state: State, caller: Caller, request: Document) -> Document:
    """ListModels."""
    return _MODELS.page(request, listed(state.models.of(caller.scope)))


def delete_model(state: State, caller: Caller, request: Document) -> Document:
    """DeleteModel."""
    state.models.remove(_model(state, caller.scope, request["ModelName"]))
    return {}


def create_config(state: State, caller: Caller, request: Document) -> Document:
    """CreateEndpointConfig."""
    for member, words in {
        "AsyncInferenceConfig": "asynchronous inference",
        "DataCaptureConfig": "data capture",
        "ExplainerConfig": "Clarify explainers",
        "ShadowProductionVariants": "shadow variants",
    }.items():
        if request.get(member):
            raise not_offered(f"endpoints with {words} ({member})")
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(names) != len(set(names)):
        raise invalid("Production variant names must be unique within an endpoint configuration.")
    for variant in variants:
        _check_variant(state, caller.scope, variant)
    name = request["EndpointConfigName"]
    arn = caller.scope.arn("endpoint-config", name)
    config = EndpointConfig(caller.scope, name, arn, request, tags=tags_of(request))
    config.facts["EndpointConfigArn"] = arn
    if not state.configs.add(config):
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    return {"EndpointConfigArn": arn}


def describe_config(state: State, caller: Caller, request: Document) -> Document:
    """DescribeEndpointConfig."""
    return _config(state, caller.scope, request["EndpointConfigName"]).described()


def list_configs(state: State, caller: Caller, request: Document) -> Document:
    """ListEndpointConfigs."""
    return _CONFIGS.page(request, listed(state.configs.of(caller.scope)))


def delete_config(state: State, caller: Caller, request: Document) -> Document:
    """DeleteEndpointConfig."""
    state.configs.remove(_config(state, caller.scope, request["EndpointConfigName"]))
    return {}


def create_endpoint(state: State, caller: Caller, request: Document) -> Document:
    """CreateEndpoint."""
    name = request["EndpointName"]
    config = _config(state, caller.scope, request["EndpointConfigName"])
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
    config = _config(state, caller.scope, request["EndpointConfigName"])
    for member in ("RetainAllVariantProperties", "RetainDeploymentConfig"):
        if request.get(member):
            raise not_offered(f"updates with {member}")
    fleet = _fleet(state, config, endpoint.name)
    with endpoint.lock:
        _check_steady(endpoint)
        planned = request.get("DeploymentConfig")
        rollout = _rollout(state, endpoint, fleet, planned or {})
        endpoint.status = "Updating"
        # as on AWS, an update that passes no deployment configuration leaves none armed
        endpoint.learn(LastDeploymentConfig=planned)
    deployment = Deployment(endpoint, fleet, rollout, state.cloud, Clock(endpoint.over))
    state.cloud.run(caller.scope, deployment.run, name=f"update-{endpoint.name}")
    return {"EndpointArn": endpoint.arn}


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
        _check_steady(endpoint, also=("Failed", "UpdateRollbackFailed"))
        endpoint.status = "Deleting"
    state.cloud.run(
        caller.scope,
        lambda: hosting.delete(endpoint, state.cloud, state.endpoints),
        name=f"delete-{endpoint.name}",
    )
    return {}


def _check_steady(endpoint: Endpoint, *, also: tuple[str, ...] = ()) -> None:
    if endpoint.status not in ("InService", *also):
        kind = "failed" if endpoint.status == "Failed" else "in-progress"
        raise invalid(f'Cannot update {kind} endpoint "{endpoint.arn}".')


def _fleet(state: State, config: EndpointConfig, endpoint_name: str) -> Fleet:
    try:
        return hosting.fleet_of(config, endpoint_name, state.models, state.cloud)
    except ModelGone as gone:
        raise invalid(str(gone)) from gone


def _container(state: State, scope: Scope, request: Document) -> Document:
    containers = request.get("Containers", [])
    if "PrimaryContainer" in request and containers:
        raise invalid("Only one of PrimaryContainer and Containers may be given.")
    if len(containers) > 1:
        raise not_offered("models of several containers (inference pipelines)")
    container = request.get("PrimaryContainer") or (containers[0] if containers else None)
    if container is None:
        raise invalid("One of PrimaryContainer and Containers must be given.")
    if container.get("ModelPackageName"):
        package = container_of(state, scope, container["ModelPackageName"])
        environment = {**package.get("Environment", {}), **container.get("Environment", {})}
        container = {**package, "Environment": environment}
    if container.get("ModelDataSource") or container.get("AdditionalModelDataSources"):
        raise not_offered("model data by ModelDataSource; use ModelDataUrl")
    if container.get("Mode") == "MultiModel":
        raise not_offered("containers of several models (Mode MultiModel)")
    if "Image" not in container:
        raise invalid("A container must have an Image.")
    return dict(container)


def _check_data(state: State, url: str, role: str) -> None:
    objects = Objects(state.cloud.session(role, "SageMaker"), role)
    found = objects.status(Location.of(url))
    if found == 404:
        raise invalid(f"Could not find model data at {url}.")
    if found >= 300:
        raise invalid(
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists '
            'and that its trust relationship policy allows the action "sts:AssumeRole" for the '
            'service principal "sagemaker.amazonaws.com". Also ensure that the role has '
            f'"s3:GetObject" permissions and that the object is located in '
            f"{state.cloud.scope().region}."
        )


def _check_variant(state: State, scope: Scope, variant: Document) -> None:
    if variant.get("ServerlessConfig"):
        raise not_offered("serverless variants (ServerlessConfig)")
    if "ModelName" not in variant:
        raise not_offered("inference components (a variant without ModelName)")
    _model(state, scope, variant["ModelName"])
    if not (variant.get("InstanceType") and variant.get("InitialInstanceCount")):
        raise invalid(
            f"InstanceType and InitialInstanceCount are required for production variant "
            f"{variant['VariantName']}."
        )


def _model(state: State, scope: Scope, name: str) -> Model:
    return _found(state.models.get(scope, name), "model", scope.arn("model", name))


def _config(state: State, scope: Scope, name: str) -> EndpointConfig:
    arn = scope.arn("endpoint-config", name)
    return _found(state.configs.get(scope, name), "endpoint configuration", arn)


def _endpoint(state: State, scope: Scope, name: str) -> Endpoint:
    return _found(state.endpoints.get(scope, name), "endpoint", scope.arn("endpoint", name))


def _found(record: R | None, kind: str, arn: str) -> R:
    if record is None:
        raise invalid(f'Could not find {kind} "{arn}".')
    return record
