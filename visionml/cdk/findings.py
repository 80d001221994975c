"""Findings of cdk-nag that are accepted, each with the reason that makes it acceptable."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings, given as id and reason, on a construct and what is below it."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def wildcard(resource: Any) -> str:
    """Return the id of the finding about a policy's resource, given with its tokens resolved."""
    return f"AwsSolutions-IAM5[Resource::{_flat(resource)}]"


def _flat(value: Any) -> str:
    """Write a CloudFormation value as cdk-nag does: ``<AWS::AccountId>`` for a reference."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Fn::Join":
        return str(argument[0]).join(map(_flat, argument[1]))
    raise TypeError(f"cdk-nag's form of {function} is not known here.")
