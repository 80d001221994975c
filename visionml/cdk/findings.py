"""Findings of cdk-nag that are accepted, each with the reason that makes it acceptable."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Acknowledgment, CfnResource, Validations
from constructs import IConstruct

from visionml.guardrails.grants import WILDCARDS

_WILDCARD = "AwsSolutions-IAM5[Resource::"


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings, given as id and reason, on a construct and what is below it.

    The reasons of wildcards go into the template as well, where `visionml security grants`
    reads them.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )
    wildcards = {
        finding.removeprefix(_WILDCARD).removesuffix("]"): reason
        for finding, reason in reasons.items()
        if finding.startswith(_WILDCARD)
    }
    resource = construct.node.default_child
    if wildcards and isinstance(resource, CfnResource):
        noted = resource.get_metadata(WILDCARDS) or {}
        resource.add_metadata(WILDCARDS, {**noted, **wildcards})


def wildcard(resource: Any) -> str:
    """Return the id of the finding about a policy's resource, given with its tokens resolved."""
    return f"{_WILDCARD}{_flat(resource)}]"


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
