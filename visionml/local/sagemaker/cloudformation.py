"""SageMaker's CloudFormation types: models, endpoints and model package groups in stacks."""

import json
import time
from collections.abc import Mapping
from typing import Any

from visionml.errors import VisionmlError
from visionml.local import ministack
from visionml.local.ministack import Properties, Provisioned
from visionml.local.sagemaker import wire
from visionml.local.sagemaker.coercion import coerced
from visionml.local.sagemaker.core import Caller, Document
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.service import Service

_POLL_SECONDS = 0.05
_ENDPOINT_SECONDS = 1800.0
_CHANGING = {"Creating", "Updating", "RollingBack", "SystemUpdating"}


class ResourceFailed(VisionmlError):
    """A resource of a stack did not come to be; the text is the stack event's reason."""


def install(service: Service) -> None:
    """Let stacks hold SageMaker's types."""
    types = Types(service)
    for name, create, update, delete, replaced_by in (
        ("Model", types.create_model, types.update_tags, types.delete_model, _MODEL),
        ("EndpointConfig", types.create_config, types.update_tags, types.delete_config, _CONFIG),
        ("Endpoint", types.create_endpoint, types.update_endpoint, types.delete_endpoint,
         ("EndpointName",)),
        ("ModelPackageGroup", types.create_group, types.update_tags, types.delete_group,
         ("ModelPackageGroupName", "ModelPackageGroupDescription")),
    ):  # fmt: skip
        ministack.register_resource_type(
            f"AWS::SageMaker::{name}",
            create=create,
            update=update,
            delete=delete,
            replaced_by=replaced_by,
            blocking=True,
        )


_MODEL = (
    "ModelName",
    "ExecutionRoleArn",
    "PrimaryContainer",
    "Containers",
    "VpcConfig",
    "EnableNetworkIsolation",
    "InferenceExecutionConfig",
)
_CONFIG = (
    "EndpointConfigName",
    "ProductionVariants",
    "KmsKeyId",
    "DataCaptureConfig",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ShadowProductionVariants",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


_NAMES = {
    "Model": "ModelName",
    "EndpointConfig": "EndpointConfigName",
    "Endpoint": "EndpointName",
    "PackageGroup": "ModelPackageGroupName",
}


class Types:
    """Creates, updates and deletes resources of stacks through SageMaker's own operations."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def create_model(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::SageMaker::Model."""
        name = _name(properties, "ModelName", logical_id, stack)
        arn = self._do("CreateModel", {**properties, "ModelName": name})["ModelArn"]
        return Provisioned(arn, {"ModelName": name, "ModelArn": arn})

    def delete_model(self, physical_id: str, properties: Properties) -> None:
        """AWS::SageMaker::Model."""
        del properties
        self._gone("DeleteModel", {"ModelName": self._name_of(physical_id)})

    def create_config(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::SageMaker::EndpointConfig."""
        name = _name(properties, "EndpointConfigName", logical_id, stack)
        request = {**properties, "EndpointConfigName": name}
        arn = self._do("CreateEndpointConfig", request)["EndpointConfigArn"]
        return Provisioned(arn, {"EndpointConfigName": name})

    def delete_config(self, physical_id: str, properties: Properties) -> None:
        """AWS::SageMaker::EndpointConfig."""
        del properties
        self._gone("DeleteEndpointConfig", {"EndpointConfigName": self._name_of(physical_id)})

    def create_endpoint(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::SageMaker::Endpoint; it waits until the endpoint is in service."""
        name = _name(properties, "EndpointName", logical_id, stack)
        request = {**_endpoint_request(properties, _ENDPOINT), "EndpointName": name}
        arn = self._do("CreateEndpoint", request)["EndpointArn"]
        try:
            self._in_service(name, wanted=request["EndpointConfigName"])
        except ResourceFailed:
            self._gone("DeleteEndpoint", {"EndpointName": name})
            raise
        return Provisioned(arn, {"EndpointName": name, "EndpointArn": arn})

    def update_endpoint(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::SageMaker::Endpoint: another configuration, or other tags."""
        name = self._name_of(physical_id)
        attributes = {"EndpointName": name, "EndpointArn": physical_id}
        request = _endpoint_request(new, (*_ENDPOINT[:2], *_RETAINED))
        if request["EndpointConfigName"] != old["EndpointConfigName"]:
            self._do("UpdateEndpoint", {**request, "EndpointName": name})
            self._in_service(name, wanted=request["EndpointConfigName"])
        self.update_tags(physical_id, old, new, stack)
        return Provisioned(physical_id, attributes)

    def delete_endpoint(self, physical_id: str, properties: Properties) -> None:
        """AWS::SageMaker::Endpoint; it waits until the endpoint neither changes nor is there."""
        del properties
        name = self._name_of(physical_id)
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while self._changes(name) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._gone("DeleteEndpoint", {"EndpointName": name})
        while self._described(name) is not None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def create_group(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::SageMaker::ModelPackageGroup."""
        name = _name(properties, "ModelPackageGroupName", logical_id, stack)
        request = {**properties, "ModelPackageGroupName": name}
        arn = self._do("CreateModelPackageGroup", request)["ModelPackageGroupArn"]
        attributes = {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"}
        return Provisioned(arn, attributes)

    def delete_group(self, physical_id: str, properties: Properties) -> None:
        """AWS::SageMaker::ModelPackageGroup."""
        del properties
        self._gone("DeleteModelPackageGroup", {"ModelPackageGroupName": self._name_of(physical_id)})

    def update_tags(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """Bring a resource's tags to what the template says."""
        del stack
        record = self._service.state.record(physical_id)
        tags = {tag["Key"]: tag["Value"] for tag in new.get("Tags", [])}
        removed = [tag["Key"] for tag in old.get("Tags", []) if tag["Key"] not in tags]
        if record is not None:
            with record.lock:
                kept = {key: value for key, value in record.tags.items() if key not in removed}
                record.tags = {**kept, **tags}
            return Provisioned(physical_id, {_NAMES[type(record).__name__]: record.name})
        return Provisioned(physical_id, {})

    def _in_service(self, name: str, *, wanted: str) -> None:
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while time.monotonic() < deadline:
            described = self._described(name)
            if described is None:
                raise ResourceFailed(f"The endpoint {name} was deleted meanwhile.")
            if described["EndpointStatus"] in {"InService", "Failed", "UpdateRollbackFailed"}:
                reason = described.get("FailureReason")
                if reason or described["EndpointConfigName"] != wanted:
                    raise ResourceFailed(str(reason or f"{wanted} was not put into service."))
                return
            time.sleep(_POLL_SECONDS)
        raise ResourceFailed(f"The endpoint {name} did not come into service in time.")

    def _changes(self, name: str) -> bool:
        described = self._described(name)
        return described is not None and described["EndpointStatus"] in _CHANGING

    def _described(self, name: str) -> Document | None:
        endpoint = self._service.state.endpoints.get(self._service.state.cloud.scope(), name)
        return endpoint.described() if endpoint else None

    def _do(self, operation: str, properties: Mapping[str, Any]) -> Document:
        """Do an operation with the account's own rights, as MiniStack's CloudFormation does."""
        try:
            request = wire.parse(operation, json.dumps(_typed(operation, properties)).encode())
            return self._service.call(operation, request, self._caller())
        except Fault as fault:
            raise ResourceFailed(
                f"{fault.message} (Service: AmazonSageMaker; Status Code: {fault.status}; "
                f"Error Code: {fault.code})"
            ) from fault

    def _gone(self, operation: str, properties: Mapping[str, Any]) -> None:
        try:
            self._do(operation, properties)
        except ResourceFailed as failed:
            if "Could not find" not in failed.message and "does not exist" not in failed.message:
                raise

    def _name_of(self, arn: str) -> str:
        record = self._service.state.record(arn)
        return record.name if record else arn.rsplit("/", 1)[-1]

    def _caller(self) -> Caller:
        return Caller.root(self._service.state.cloud.scope())


def _name(properties: Properties, member: str, logical_id: str, stack: str) -> str:
    given = properties.get(member)
    return str(given) if given else ministack.physical_name(stack, logical_id)


_ENDPOINT = ("EndpointConfigName", "DeploymentConfig", "Tags")
_RETAINED = (
    "RetainAllVariantProperties",
    "ExcludeRetainedVariantProperties",
    "RetainDeploymentConfig",
)


def _endpoint_request(properties: Properties, members: tuple[str, ...]) -> Properties:
    unknown = sorted(set(properties) - {*_ENDPOINT, *_RETAINED, "EndpointName"})
    if any(properties[name] for name in unknown):
        raise ResourceFailed(f"AWS::SageMaker::Endpoint: {', '.join(unknown)} is not offered here.")
    return {name: properties[name] for name in members if name in properties}


def _typed(operation: str, properties: Mapping[str, Any]) -> Any:
    """Return properties with the types of the operation's input; parameters are all strings."""
    shape: Any = wire.service_model().operation_model(operation).input_shape
    unknown = sorted(set(properties) - set(shape.members))
    if unknown:
        raise ResourceFailed(f"{operation}: {', '.join(unknown)} is not offered here.")
    return coerced(shape, properties)
