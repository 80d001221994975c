"""Compute environments, job queues and job definitions in stacks."""

from collections.abc import Mapping
from typing import Any

from visionml.errors import VisionmlError
from visionml.local import ministack
from visionml.local.batch import wire
from visionml.local.batch.faults import Fault
from visionml.local.batch.service import Service
from visionml.local.ministack import Properties, Provisioned
from visionml.local.sagemaker.coercion import coerced
from visionml.local.sagemaker.core import Caller, Document, Scope

_IGNORED = ("ReplaceComputeEnvironment",)
_ENVIRONMENT = ("ComputeEnvironmentName", "Type", "EksConfiguration")
_QUEUE = ("JobQueueName", "JobQueueType")
_DEFINITION = ("JobDefinitionName",)


def install(service: Service) -> None:
    """Let stacks hold Batch's types."""
    types = Types(service)
    for name, create, update, delete, replaced_by in (
        ("ComputeEnvironment", types.create_environment, types.update_environment,
         types.delete_environment, _ENVIRONMENT),
        ("JobQueue", types.create_queue, types.update_queue, types.delete_queue, _QUEUE),
        ("JobDefinition", types.create_definition, types.update_definition, types.delete_definition,
         _DEFINITION),
    ):  # fmt: skip
        ministack.register_resource_type(
            f"AWS::Batch::{name}",
            create=create,
            update=update,
            delete=delete,
            replaced_by=replaced_by,
            tags="map",
            blocking=True,
        )


class Types:
    """Creates, updates and deletes resources of stacks through Batch's own operations."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def create_environment(
        self, logical_id: str, properties: Properties, stack: str
    ) -> Provisioned:
        """AWS::Batch::ComputeEnvironment."""
        named = _named(properties, "ComputeEnvironmentName", logical_id, stack)
        policy = named.pop("UpdatePolicy", None)  # the operation has none
        arn = self._do("CreateComputeEnvironment", named)["computeEnvironmentArn"]
        if policy:
            given = {"ComputeEnvironment": arn, "UpdatePolicy": policy}
            self._do("UpdateComputeEnvironment", given)
        return Provisioned(arn, {"ComputeEnvironmentArn": arn})

    def update_environment(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::Batch::ComputeEnvironment: what has changed."""
        before, after = old.get("ComputeResources", {}), new.get("ComputeResources", {})
        resources = {k: v for k, v in after.items() if before.get(k) != v}
        members = ("State", "ServiceRole", "UnmanagedvCpus", "UpdatePolicy", "Context")
        changed = {name: new[name] for name in members if new.get(name) != old.get(name)}
        changed |= {"ComputeResources": resources} if resources else {}
        if changed:
            self._do("UpdateComputeEnvironment", {"ComputeEnvironment": physical_id, **changed})
        self.update_tags(physical_id, old, new, stack)
        return Provisioned(physical_id, {"ComputeEnvironmentArn": physical_id})

    def delete_environment(self, physical_id: str, properties: Properties) -> None:
        """AWS::Batch::ComputeEnvironment: disabled first."""
        del properties
        given = {"ComputeEnvironment": physical_id}
        self._gone("UpdateComputeEnvironment", {**given, "State": "DISABLED"})
        self._gone("DeleteComputeEnvironment", given)

    def create_queue(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::Batch::JobQueue."""
        named = _named(properties, "JobQueueName", logical_id, stack)
        arn = self._do("CreateJobQueue", named)["jobQueueArn"]
        return Provisioned(arn, {"JobQueueArn": arn})

    def update_queue(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::Batch::JobQueue: state, priority, environments, time limits."""
        members = ("State", "Priority", "ComputeEnvironmentOrder", "JobStateTimeLimitActions",
                   "SchedulingPolicyArn")  # fmt: skip
        given = {name: new[name] for name in members if name in new}
        self._do("UpdateJobQueue", {"JobQueue": physical_id, **given})
        self.update_tags(physical_id, old, new, stack)
        return Provisioned(physical_id, {"JobQueueArn": physical_id})

    def delete_queue(self, physical_id: str, properties: Properties) -> None:
        """AWS::Batch::JobQueue: disabled first."""
        del properties
        self._gone("UpdateJobQueue", {"JobQueue": physical_id, "State": "DISABLED"})
        self._gone("DeleteJobQueue", {"JobQueue": physical_id})

    def create_definition(self, logical_id: str, properties: Properties, stack: str) -> Provisioned:
        """AWS::Batch::JobDefinition: a revision."""
        named = _named(properties, "JobDefinitionName", logical_id, stack)
        arn = self._do("RegisterJobDefinition", named)["jobDefinitionArn"]
        return Provisioned(arn, {"JobDefinitionArn": arn})

    def update_definition(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> Provisioned:
        """AWS::Batch::JobDefinition: the next revision; the one before is deregistered then."""
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if changed <= {"Tags"}:
            self.update_tags(physical_id, old, new, stack)
            return Provisioned(physical_id, {"JobDefinitionArn": physical_id})
        family = physical_id.rpartition("/")[2].partition(":")[0]
        return self.create_definition("", {**new, "JobDefinitionName": family}, stack)

    def delete_definition(self, physical_id: str, properties: Properties) -> None:
        """AWS::Batch::JobDefinition."""
        del properties
        self._gone("DeregisterJobDefinition", {"JobDefinition": physical_id})

    def update_tags(self, physical_id: str, old: Properties, new: Properties, stack: str) -> None:
        """Bring a resource's tags to what the template says."""
        del stack
        before, after = dict(old.get("Tags") or {}), dict(new.get("Tags") or {})
        removed = sorted(set(before) - set(after))
        if removed:
            self._do("UntagResource", {"resourceArn": physical_id, "tagKeys": removed})
        if after != before and after:
            self._do("TagResource", {"resourceArn": physical_id, "tags": after})

    def _do(self, operation: str, properties: Mapping[str, Any]) -> Document:
        """Do an operation with the account's own rights, as MiniStack's CloudFormation does."""
        try:
            return self._called(operation, properties)
        except Fault as fault:
            raise VisionmlError(
                f"{fault.message} (Service: Batch; Status Code: {fault.status}; "
                f"Error Code: {fault.code})"
            ) from fault

    def _gone(self, operation: str, properties: Mapping[str, Any]) -> None:
        try:
            self._called(operation, properties)
        except Fault as fault:
            if "does not exist" not in fault.message:
                raise VisionmlError(fault.message) from fault

    def _called(self, operation: str, properties: Mapping[str, Any]) -> Document:
        given = {name: value for name, value in properties.items() if name not in _IGNORED}
        shape = wire.input_shape(operation)
        document = coerced(shape, wire.lowered(operation, given))
        unknown = sorted(set(document) - set(shape.members))
        if unknown:
            raise Fault("ClientException", f"{', '.join(unknown)} is not offered here.")
        scope = Scope(ministack.account(), ministack.region())
        return self._service.call(operation, wire.checked(operation, document), Caller.root(scope))


def _named(properties: Properties, member: str, logical_id: str, stack: str) -> Properties:
    return {
        **properties,
        member: properties.get(member) or ministack.physical_name(stack, logical_id),
    }
