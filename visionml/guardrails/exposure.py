"""Mistakes that lay data open: to the world, to whoever holds a disk, or to any role."""

from collections.abc import Iterator, Mapping
from typing import Any

from visionml.guardrails.check import Check, Fault, Subject
from visionml.guardrails.grants import WILDCARDS, listed, role_statements, wildcards
from visionml.guardrails.template import Resource, mappings

_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("SSESpecification",),
    "AWS::KinesisFirehose::DeliveryStream": (
        "DeliveryStreamEncryptionConfigurationInput",
        "KinesisStreamSourceConfiguration",  # as that stream is
    ),
    "AWS::Kinesis::Stream": ("StreamEncryption",),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::S3::Bucket": ("BucketEncryption",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}
"""Where each type of resource names its key."""
_POLICIES = (
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
)


def _public(subject: Subject) -> Iterator[Fault]:
    for bucket in subject.resources("AWS::S3::Bucket"):
        blocked = bucket.properties.get("PublicAccessBlockConfiguration", {})
        if not all(_true(blocked.get(name)) for name in _BLOCKS):
            yield Fault(
                bucket.where,
                "Its PublicAccessBlockConfiguration does not block all public access.",
                f"Set {', '.join(_BLOCKS)}.",
            )
    for policy in subject.resources(*_POLICIES):
        for statement in _statements(policy):
            if statement.get("Effect") == "Allow" and _anybody(statement):
                yield Fault(
                    policy.where,
                    "Its policy allows anybody something, without a condition.",
                    "Name the principals, or whose they are in a condition.",
                )


def _statements(policy: Resource) -> list[Mapping[str, Any]]:
    document = policy.properties.get("PolicyDocument") or policy.properties.get("KeyPolicy") or {}
    return listed(document.get("Statement"))


def _anybody(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, dict) else [principal]
    return "*" in named and not statement.get("Condition")


def _unencrypted(subject: Subject) -> Iterator[Fault]:
    for resource in subject.resources(*_KEYS):
        if not any(resource.properties.get(name) for name in _KEYS[resource.kind]):
            yield Fault(
                resource.where,
                "It is not encrypted with a key of the platform.",
                f"Set {_KEYS[resource.kind][0]}.",
            )
    for template in subject.resources("AWS::EC2::LaunchTemplate"):
        for found in mappings(template.properties):
            disk = found.get("Ebs")
            if isinstance(disk, dict) and not _true(disk.get("Encrypted")):
                yield Fault(template.where, "A disk is not encrypted.", "Set Ebs.Encrypted.")


def _any_action(subject: Subject) -> Iterator[Fault]:
    for where, statements in role_statements(subject.templates).items():
        for statement in statements:
            actions = [str(each) for each in listed(statement.get("Action"))]
            if {"NotAction", "NotResource"} & statement.keys() or any("*" in a for a in actions):
                yield Fault(
                    where,
                    f"It is allowed {', '.join(actions) or 'all but some actions'}.",
                    "Name the actions and the resources.",
                )


def _unreasoned(subject: Subject) -> Iterator[Fault]:
    for wildcard in wildcards(subject.templates):
        if not wildcard.because:
            yield Fault(
                wildcard.role,
                f"It is allowed {', '.join(wildcard.actions)} on {wildcard.resource}.",
                f"Name the resource, or say why not: permissions.allow(because=...), {WILDCARDS}.",
            )


def _unbounded(subject: Subject) -> Iterator[Fault]:
    for role in subject.resources("AWS::IAM::Role", "AWS::IAM::User"):
        if not role.properties.get("PermissionsBoundary"):
            yield Fault(
                role.where,
                "It has no permissions boundary.",
                "Make it in a PlatformStack, which gives the boundary to every role.",
            )


def _true(value: object) -> bool:
    return str(value).lower() == "true"


CHECKS = (
    Check(
        "public-access",
        "What one careless policy can open is open some day.",
        _public,
    ),
    Check(
        "unencrypted",
        "A key of the platform's own can be watched, and taken away from whoever reads.",
        _unencrypted,
    ),
    Check(
        "wildcard-action",
        "A wildcard grows with the service: nobody knows what it will allow next year.",
        _any_action,
    ),
    Check(
        "wildcard-without-reason",
        "A resource that cannot be named has a reason, and nobody finds it out later.",
        _unreasoned,
    ),
    Check(
        "role-without-boundary",
        "Policies are written often; the boundary is what one of them cannot go beyond.",
        _unbounded,
    ),
)
