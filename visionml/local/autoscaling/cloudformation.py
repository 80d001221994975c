"""Scalable targets and scaling policies in stacks."""

from collections.abc import Mapping
from typing import Any

from visionml.errors import VisionmlError
from visionml.local import json_protocol, ministack
from visionml.local.autoscaling.core import DIMENSION, NAMESPACE, SERVICE
from visionml.local.autoscaling.service import Service
from visionml.local.ministack import Properties, Provisioned
from visionml.local.refusals import Fault
from visionml.local.sagemaker.coercion import coerced
from visionml.local.sagemaker.core import Caller, Document, Scope

_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")
_ABSENT = "ObjectNotFoundException"


def install(service: Service) -> None:
    """Let stacks hold the service's types."""
    types = Types(service)
    ministack.register_resource_type(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        create=types.create_target,
        update=types.update_target,
        delete=types.delete_target,
        replaced_by=_TARGET,
        tags=None,
        blocking=True,
    )
    ministack.register_resource_type(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        create=types.create_policy,
        update=types.update_policy,
        delete=types.delete_policy,
        replaced_by=("PolicyName", "ScalingTargetId", *_TARGET),
        tags=None,
        blocking=True,
    )


class Types:
    """Creates, updates and deletes resources of stacks through the service's own operations."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def create_target(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::ApplicationAutoScaling::ScalableTarget."""
        del logical_id, stack
        return self._put_target(properties, {})

    def update_target(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::ApplicationAutoScaling::ScalableTarget: other bounds or schedules."""
        del physical_id, stack
        return self._put_target(new, old)

    def _put_target(self, properties: Properties, old: Properties) -> Provisioned:
        identity = {name: properties[name] for name in _TARGET}
        scheduled = {each["ScheduledActionName"]: each for each in _scheduled(properties)}
        register = {k: v for k, v in properties.items() if k not in ("ScheduledActions", "RoleARN")}
        if isinstance(register.get("Tags"), list):
            register["Tags"] = {tag["Key"]: tag["Value"] for tag in register["Tags"]}
        arn = self._do("RegisterScalableTarget", register)["ScalableTargetARN"]
        for name in {each["ScheduledActionName"] for each in _scheduled(old)} - scheduled.keys():
            self._gone("DeleteScheduledAction", {**identity, "ScheduledActionName": name})
        for action in scheduled.values():
            self._do("PutScheduledAction", {**identity, **action})
        ref = "|".join(str(identity[name]) for name in _TARGET)
        return Provisioned(ref, {"Id": ref, "ScalableTargetARN": arn})

    def delete_target(self, physical_id: str, properties: Properties) -> None:
        """AWS::ApplicationAutoScaling::ScalableTarget."""
        del properties
        self._gone("DeregisterScalableTarget", _identity(physical_id))

    def create_policy(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::ApplicationAutoScaling::ScalingPolicy."""
        name = properties.get("PolicyName") or ministack.physical_name(stack, logical_id)
        return self._put_policy({**properties, "PolicyName": name})

    def update_policy(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::ApplicationAutoScaling::ScalingPolicy: another configuration."""
        del old, stack
        return self._put_policy({**new, "PolicyName": physical_id.rpartition("policyName/")[2]})

    def _put_policy(self, properties: Properties) -> Provisioned:
        given = {k: v for k, v in properties.items() if k != "ScalingTargetId"}
        if target := properties.get("ScalingTargetId"):
            given |= _identity(str(target))
        arn = self._do("PutScalingPolicy", given)["PolicyARN"]
        return Provisioned(arn, {"Arn": arn})

    def delete_policy(self, physical_id: str, properties: Properties) -> None:
        """AWS::ApplicationAutoScaling::ScalingPolicy."""
        del properties
        _, _, rest = physical_id.partition(f":resource/{NAMESPACE}/")
        resource, _, name = rest.partition(":policyName/")
        target = {"ResourceId": resource, **_KIND}
        self._gone("DeleteScalingPolicy", {**target, "PolicyName": name})

    def _do(self, operation: str, properties: Mapping[str, Any]) -> Document:
        try:
            return self._called(operation, properties)
        except Fault as fault:
            raise VisionmlError(
                f"{fault.message} (Service: ApplicationAutoScaling; Status Code: {fault.status}; "
                f"Error Code: {fault.code})"
            ) from fault

    def _gone(self, operation: str, properties: Mapping[str, Any]) -> None:
        try:
            self._called(operation, properties)
        except Fault as fault:
            if fault.code != _ABSENT:
                raise

    def _called(self, operation: str, properties: Mapping[str, Any]) -> Document:
        shape = json_protocol.service_model(SERVICE).operation_model(operation).input_shape
        request = json_protocol.checked(
            operation, coerced(shape, dict(properties)), service=SERVICE
        )
        scope = Scope(ministack.account(), ministack.region())
        return self._service.call(operation, request, Caller.root(scope))


_KIND = {"ScalableDimension": DIMENSION, "ServiceNamespace": NAMESPACE}


def _identity(ref: str) -> dict[str, str]:
    return dict(zip(_TARGET, ref.split("|"), strict=True))


def _scheduled(properties: Properties) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties.get("ScheduledActions") or []
    return found
