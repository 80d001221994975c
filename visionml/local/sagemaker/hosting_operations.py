"""The operations on models and endpoint configurations."""

from typing import TypeVar

from visionml.local.sagemaker.core import Caller, Document, Listing, Record, Scope, listed, tags_of
from visionml.local.sagemaker.faults import invalid, not_offered
from visionml.local.sagemaker.hosting import EndpointConfig, Model
from visionml.local.sagemaker.instance import MULTI_MODEL
from visionml.local.sagemaker.objects import Location, Objects
from visionml.local.sagemaker.registry_operations import container_of
from visionml.local.sagemaker.state import State

R = TypeVar("R", bound=Record)

_SEVERAL_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"
_MODELS = Listing("Models", "ModelName", descending=True)
_CONFIGS = Listing("EndpointConfigs", "EndpointConfigName", descending=True)


def create_model(state: State, caller: Caller, request: Document) -> Document:
    """CreateModel."""
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise invalid("ExecutionRoleArn is required.")
    name = request["ModelName"]
    arn = caller.scope.arn("model", name)
    container = _container(state, caller.scope, request)
    state.cloud.lend_role(caller, role)
    image = state.cloud.image(container["Image"], role)
    several = container.get("Mode") == MULTI_MODEL
    if several and image.labels.get(_SEVERAL_LABEL) != "true":
        raise invalid(
            f"Your Ecr Image {container['Image']} does not contain required {_SEVERAL_LABEL}=true "
            "Docker label(s)."
        )
    if container.get("ModelDataUrl"):
        _check_data(state, container["ModelDataUrl"], role, prefix=several)
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
    }.items():
        if request.get(member):
            raise not_offered(f"endpoints with {words} ({member})")
    production, shadows = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    if shadows and (len(production), len(shadows)) != (1, 1):
        raise invalid(
            "An endpoint configuration with ShadowProductionVariants must have exactly one "
            "production variant and one shadow variant."
        )
    variants = [*production, *shadows]
    names = [variant["VariantName"] for variant in variants]
    if len(names) != len(set(names)):
        raise invalid("Variant names must be unique within an endpoint configuration.")
    for variant in variants:
        _check_variant(state, caller.scope, variant)
    if shadows and any(_has_several(state, caller.scope, each) for each in variants):
        raise invalid("A multi-model endpoint cannot have ShadowProductionVariants.")
    name = request["EndpointConfigName"]
    arn = caller.scope.arn("endpoint-config", name)
    config = EndpointConfig(caller.scope, name, arn, request, tags=tags_of(request))
    config.facts["EndpointConfigArn"] = arn
    if not state.configs.add(config):
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    return {"EndpointConfigArn": arn}


def describe_config(state: State, caller: Caller, request: Document) -> Document:
    """DescribeEndpointConfig."""
    return config_of(state, caller.scope, request["EndpointConfigName"]).described()


def list_configs(state: State, caller: Caller, request: Document) -> Document:
    """ListEndpointConfigs."""
    return _CONFIGS.page(request, listed(state.configs.of(caller.scope)))


def delete_config(state: State, caller: Caller, request: Document) -> Document:
    """DeleteEndpointConfig."""
    state.configs.remove(config_of(state, caller.scope, request["EndpointConfigName"]))
    return {}


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
    if container.get("Mode") == MULTI_MODEL and not container.get("ModelDataUrl"):
        raise invalid("A container with Mode MultiModel must have a ModelDataUrl, a prefix.")
    if "Image" not in container:
        raise invalid("A container must have an Image.")
    return dict(container)


def _check_data(state: State, url: str, role: str, *, prefix: bool) -> None:
    objects = Objects(state.cloud.session(role, "SageMaker"), role)
    place = Location.of(url)
    found = objects.status_below(place) if prefix else objects.status(place)
    if found == 404:
        raise invalid(f"Could not find model data at {url}.")
    if found >= 300:
        needed = "s3:ListBucket" if prefix else "s3:GetObject"
        raise invalid(
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists '
            'and that its trust relationship policy allows the action "sts:AssumeRole" for the '
            'service principal "sagemaker.amazonaws.com". Also ensure that the role has '
            f'"{needed}" permissions and that the object is located in '
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


def _has_several(state: State, scope: Scope, variant: Document) -> bool:
    container = _model(state, scope, variant["ModelName"]).request["PrimaryContainer"]
    return bool(container.get("Mode") == MULTI_MODEL)


def _model(state: State, scope: Scope, name: str) -> Model:
    return found(state.models.get(scope, name), "model", scope.arn("model", name))


def config_of(state: State, scope: Scope, name: str) -> EndpointConfig:
    """Return an endpoint configuration, or refuse the request that names it."""
    arn = scope.arn("endpoint-config", name)
    return found(state.configs.get(scope, name), "endpoint configuration", arn)


def found(record: R | None, kind: str, arn: str) -> R:
    """Return a record that a request names, or refuse the request."""
    if record is None:
        raise invalid(f'Could not find {kind} "{arn}".')
    return record
