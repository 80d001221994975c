"""What a deployment would change: the templates that stand, beside those that were synthesised."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Template = Mapping[str, Any]
Kind = Literal["added", "replaced", "removed", "updated", "permissions widened"]

_EVERY = "*"
_CREATE_ONLY: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGateway::ApiKey": ("Name",),
    "AWS::ApiGateway::Deployment": ("RestApiId",),
    "AWS::ApiGateway::Method": ("RestApiId", "ResourceId", "HttpMethod"),
    "AWS::ApiGateway::Model": ("Name", "RestApiId", "ContentType"),
    "AWS::ApiGateway::Resource": ("ParentId", "PathPart", "RestApiId"),
    "AWS::ApiGateway::Stage": ("RestApiId", "StageName"),
    "AWS::ApiGateway::UsagePlanKey": (_EVERY,),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("ResourceId", "ScalableDimension"),
    "AWS::Athena::NamedQuery": (_EVERY,),
    "AWS::Athena::WorkGroup": ("Name",),
    "AWS::Batch::ComputeEnvironment": ("ComputeEnvironmentName", "Type"),
    "AWS::Batch::JobDefinition": ("JobDefinitionName",),
    "AWS::Batch::JobQueue": ("JobQueueName",),
    "AWS::CloudTrail::Trail": ("TrailName",),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::DynamoDB::Table": ("TableName", "KeySchema", "LocalSecondaryIndexes"),
    "AWS::EC2::FlowLog": (_EVERY,),
    "AWS::EC2::Subnet": ("AvailabilityZone", "CidrBlock", "VpcId"),
    "AWS::EC2::VPC": ("CidrBlock",),
    "AWS::EC2::VPCEndpoint": ("ServiceName", "VpcEndpointType", "VpcId"),
    "AWS::Events::Rule": ("Name", "EventBusName"),
    "AWS::Glue::Crawler": ("Name",),
    "AWS::Glue::Database": ("CatalogId", "DatabaseName"),
    "AWS::Glue::Table": ("CatalogId", "DatabaseName"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", "Path"),
    "AWS::IAM::Role": ("RoleName", "Path"),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::Kinesis::Stream": ("Name",),
    "AWS::Kinesis::StreamConsumer": (_EVERY,),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName", "DeliveryStreamType"),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn", "StartingPosition"),
    "AWS::Lambda::Function": ("FunctionName", "PackageType"),
    "AWS::Lambda::Permission": (_EVERY,),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::LogStream": (_EVERY,),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SNS::Topic": ("TopicName", "FifoTopic"),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
    "AWS::SageMaker::EndpointConfig": (_EVERY,),
    "AWS::SageMaker::Model": (_EVERY,),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupName",),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "StateMachineType"),
    "AWS::WAFv2::WebACL": ("Name", "Scope"),
    "AWS::WAFv2::WebACLAssociation": (_EVERY,),
}
"""The properties that an update cannot change, of the types that the stacks are made of.

As the reference of each type says, "Update requires: Replacement":
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
"""
_POLICIES = ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "Policies")


@dataclass(frozen=True)
class Difference:
    """One thing that a deployment would do."""

    kind: Kind
    stack: str
    resource: str
    type: str
    what: str
    """The properties that differ, or the permission."""


def between(
    deployed: Mapping[str, Template], wanted: Mapping[str, Template]
) -> tuple[Difference, ...]:
    """Return what would become of the deployed stacks; both are templates by stack."""
    found: list[Difference] = []
    for stack in sorted({*deployed, *wanted}):
        old = deployed.get(stack, {}).get("Resources", {})
        new = wanted.get(stack, {}).get("Resources", {})
        found += _resources(stack, old, new)
        found += _permissions(stack, old, new)
    return tuple(found)


def _resources(stack: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        if name not in new:
            kept = old[name].get("DeletionPolicy", "Delete").startswith("Retain")
            what = "the stack forgets it; it stays" if kept else "deleted"
            yield Difference("removed", stack, name, old[name]["Type"], what)
        elif name not in old:
            yield Difference("added", stack, name, new[name]["Type"], "")
        elif _plain(old[name]) != _plain(new[name]):
            yield _change(stack, name, old[name], new[name])


def _plain(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a resource without what says nothing about it."""
    return {key: value for key, value in resource.items() if key not in {"Metadata", "DependsOn"}}


def _change(stack: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    before, after = old.get("Properties", {}), new.get("Properties", {})
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key)) or [
        "what becomes of it"
    ]
    fixed = _CREATE_ONLY.get(new["Type"], ())
    replaced = (
        old["Type"] != new["Type"]
        or bool({*fixed} & {*changed})
        or (_EVERY in fixed and {*changed} != {"Tags"} and before != after)
    )
    kind: Kind = "replaced" if replaced else "updated"
    return Difference(kind, stack, name, new["Type"], ", ".join(changed))


def _permissions(
    stack: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Difference]:
    for name, resource in sorted(new.items()):
        before = set(_allowed(old.get(name, {}), name))
        for entry in sorted(set(_allowed(resource, name)) - before):
            yield Difference("permissions widened", stack, name, resource["Type"], entry)


def _allowed(resource: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what a resource allows, a sentence for each action on each resource."""
    properties = resource.get("Properties", {})
    for key in _POLICIES:
        for document in _documents(properties.get(key)):
            for statement in _many(document.get("Statement", [])):
                yield from _statement(statement)
    kind = resource.get("Type")
    if kind == "AWS::Lambda::Permission":
        yield f"{_text(properties.get('Principal'))} may call {_text(properties['FunctionName'])}"
    if kind in {"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"}:
        yield f"traffic of {name}: {_text(properties)}"
    for direction in ("SecurityGroupIngress", "SecurityGroupEgress"):
        for rule in properties.get(direction, []):
            yield f"{direction}: {_text(rule)}"
    for arn in properties.get("ManagedPolicyArns", []):
        yield f"the managed policy {_text(arn)}"


def _documents(value: Any) -> Iterator[Mapping[str, Any]]:
    for each in _many(value):
        if isinstance(each, Mapping):
            yield each.get("PolicyDocument", each)


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    if statement.get("Effect") != "Allow":
        return
    rest = {key: statement[key] for key in ("Principal", "Condition") if key in statement}
    ending = f" ({_text(rest)})" if rest else ""
    for action in _many(statement.get("Action", statement.get("NotAction", []))):
        for target in _many(statement.get("Resource", "itself")):
            yield f"{_text(action)} on {_text(target)}{ending}"


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Return a template's value as a person reads it."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return f"<{argument}>"
        if function == "Fn::GetAtt":
            return f"<{'.'.join(map(str, _many(argument)))}>"
        if function == "Fn::Join":
            return str(argument[0]).join(map(_text, argument[1]))
        if function == "Fn::ImportValue":
            return f"<{_text(argument)}>"
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, sort_keys=True)
