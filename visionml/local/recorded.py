"""The CloudFormation types that stacks may hold here without effect.

`RECORDED` is the one table of them: ``docs/local-fidelity.md`` is tested against it, and a
deployment says which of them its templates hold.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """What generated names and ARNs follow from."""

    region: str
    account: str
    name: str
    """The name CloudFormation generates for a resource that is given none."""

    @property
    def token(self) -> str:
        """Hexadecimal digits that are the resource's own, for ids."""
        return digits(self.name)

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN of the account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Naming = Callable[[Properties, Place], str]
"""From a resource's properties to what ``Ref`` returns."""


@dataclass(frozen=True)
class Recorded:
    """One type that stacks may hold without effect."""

    without: str
    """What does not happen, as a person should read it."""
    ref: Naming
    attributes: Mapping[str, Callable[[str, Place], str]] = field(default_factory=dict)
    """From what ``Ref`` returns to each attribute."""
    replaced_by: tuple[str, ...] = ()


def digits(text: str) -> str:
    """Return hexadecimal digits that follow from a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def held(types: Iterable[str]) -> dict[str, str]:
    """Return which of some types are only recorded, and what that leaves undone."""
    return {name: RECORDED[name].without for name in sorted(set(types) & RECORDED.keys())}


def _same(ref: str, _place: Place) -> str:
    return ref


def _id(prefix: str) -> Naming:
    return lambda _properties, place: f"{prefix}-0{place.token[:16]}"


def _named(member: str) -> Naming:
    return lambda properties, place: str(properties.get(member) or place.name)


def _arn(service: str, kind: str, member: str) -> Naming:
    return lambda properties, place: place.arn(
        service, f"{kind}{properties.get(member) or place.name}"
    )


def _joined(*members: str) -> Naming:
    return lambda properties, _place: "|".join(str(properties.get(m, "")) for m in members)


_PACKETS = "Network packets are not filtered."

RECORDED: dict[str, Recorded] = {
    "AWS::Batch::SchedulingPolicy": Recorded(
        "Queues know no fair shares.",
        _arn("batch", "scheduling-policy/", "Name"),
        {"Arn": _same},
        ("Name",),
    ),
    "AWS::Budgets::Budget": Recorded(
        "Nothing costs money here and no budget is watched.",
        lambda properties, place: str(
            (properties.get("Budget") or {}).get("BudgetName") or place.name
        ),
    ),
    "AWS::CloudTrail::Trail": Recorded(
        "Calls are not delivered to the trail's bucket.",
        _named("TrailName"),
        {"Arn": lambda name, place: place.arn("cloudtrail", f"trail/{name}")},
        ("TrailName",),
    ),
    "AWS::EC2::EIP": Recorded(
        "No address is reachable.",
        lambda _properties, place: f"198.51.100.{int(place.token[:2], 16)}",
        {"PublicIp": _same, "AllocationId": lambda ip, _place: f"eipalloc-{digits(ip)[:17]}"},
    ),
    "AWS::EC2::FlowLog": Recorded(
        "There are no packets to log.",
        _id("fl"),
        {"Id": _same},
        ("DeliverLogsPermissionArn", "LogDestination", "ResourceId", "ResourceType", "TrafficType"),
    ),
    "AWS::EC2::NatGateway": Recorded(
        "No packets are routed.", _id("nat"), {"NatGatewayId": _same}, ("SubnetId", "AllocationId")
    ),
    "AWS::EC2::NetworkAcl": Recorded(_PACKETS, _id("acl"), {"Id": _same}, ("VpcId",)),
    "AWS::EC2::NetworkAclEntry": Recorded(
        _PACKETS, _id("acle"), {"Id": _same}, ("NetworkAclId", "RuleNumber", "Egress")
    ),
    "AWS::EC2::SecurityGroupEgress": Recorded(_PACKETS, _id("sgr"), {"Id": _same}, ("GroupId",)),
    "AWS::EC2::SecurityGroupIngress": Recorded(_PACKETS, _id("sgr"), {"Id": _same}, ("GroupId",)),
    "AWS::EC2::SubnetNetworkAclAssociation": Recorded(
        _PACKETS, _id("aclassoc"), {"AssociationId": _same}, ("SubnetId", "NetworkAclId")
    ),
    "AWS::Glue::SecurityConfiguration": Recorded(
        "Crawlers and jobs encrypt nothing by it.",
        _named("Name"),
        replaced_by=("EncryptionConfiguration", "Name"),
    ),
    "AWS::WAFv2::LoggingConfiguration": Recorded(
        "Requests are not inspected, so none are logged.",
        _named("ResourceArn"),
        replaced_by=("ResourceArn",),
    ),
    "AWS::WAFv2::WebACLAssociation": Recorded(
        "Requests are not inspected.",
        _joined("WebACLArn", "ResourceArn"),
        replaced_by=("WebACLArn", "ResourceArn"),
    ),
}
