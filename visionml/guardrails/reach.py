"""Who can reach whom in the network, computed from the templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from visionml.guardrails.check import Check, Fault, Subject
from visionml.guardrails.grants import listed
from visionml.guardrails.template import Resource, Template, resources, text

INTERNET = "the internet"
_WORLD = ("0.0.0.0/0", "::/0")
_WAYS = {
    "GatewayId": "a gateway",
    "NatGatewayId": "a NAT gateway",
    "EgressOnlyInternetGatewayId": "an egress-only gateway",
    "InstanceId": "an instance",
    "NetworkInterfaceId": "a network interface",
    "TransitGatewayId": "a transit gateway",
    "VpcPeeringConnectionId": "a peering connection",
    "CarrierGatewayId": "a carrier gateway",
    "LocalGatewayId": "a local gateway",
}
"""What a route can lead to, other than the network itself and a gateway endpoint."""
_DOORS = {
    "AWS::EC2::InternetGateway": "an internet gateway",
    "AWS::EC2::EgressOnlyInternetGateway": "an egress-only internet gateway",
    "AWS::EC2::NatGateway": "a NAT gateway",
    "AWS::EC2::EIP": "a public address",
    "AWS::EC2::EIPAssociation": "a public address",
    "AWS::EC2::VPCPeeringConnection": "a peering connection",
    "AWS::EC2::TransitGatewayAttachment": "a transit gateway",
    "AWS::EC2::VPNGateway": "a VPN gateway",
    "AWS::EC2::VPNConnection": "a VPN connection",
}


@dataclass(frozen=True)
class Flow:
    """Traffic that security groups let pass; both ends are groups, or address ranges."""

    source: str
    target: str
    first_port: int
    last_port: int


def flows(templates: Mapping[str, Template]) -> set[Flow]:
    """Return what groups accept from whom; ``Stack/LogicalId`` names a group."""
    return {
        Flow(source, group, *_ports(rule))
        for group, rule in _rules(templates, "Ingress")
        for source in _peers(rule, "Source")
    }


def departures(templates: Mapping[str, Template]) -> set[Flow]:
    """Return what groups send to whom."""
    return {
        Flow(group, target, *_ports(rule))
        for group, rule in _rules(templates, "Egress")
        for target in _peers(rule, "Destination")
    }


def ways_out(templates: Mapping[str, Template]) -> list[str]:
    """Return what leads out of the network, by ``Stack/LogicalId``; empty of an isolated one."""
    found = [
        f"{resource.where} is {_DOORS[resource.kind]}"
        for resource in resources(templates, tuple(_DOORS))
    ]
    for route in resources(templates, ("AWS::EC2::Route",)):
        ways = [name for key, name in _WAYS.items() if key in route.properties]
        where = route.properties.get("DestinationCidrBlock") or "somewhere"
        found.append(f"{route.where} leads to {text(where)} by {', '.join(ways) or 'an endpoint'}")
    found += [
        f"{subnet.where} gives public addresses"
        for subnet in resources(templates, ("AWS::EC2::Subnet",))
        if str(subnet.properties.get("MapPublicIpOnLaunch")).lower() == "true"
    ]
    return found


def ways_in(templates: Mapping[str, Template]) -> list[str]:
    """Return which groups the internet may call."""
    return sorted(flow.target for flow in flows(templates) if flow.source in _WORLD)


def endpoints(templates: Mapping[str, Template]) -> dict[str, str]:
    """Return the AWS services that the network has endpoints of, each with its kind."""
    return {
        text(each.properties["ServiceName"]).removeprefix("com.amazonaws.").partition(".")[2]: str(
            each.properties["VpcEndpointType"]
        )
        for each in resources(templates, ("AWS::EC2::VPCEndpoint",))
    }


def _rules(
    templates: Mapping[str, Template], direction: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each rule with its group: those inside groups, and those of their own."""
    for group in resources(templates, ("AWS::EC2::SecurityGroup",)):
        for rule in listed(group.properties.get(f"SecurityGroup{direction}")):
            yield group.where, rule
    for rule in resources(templates, (f"AWS::EC2::SecurityGroup{direction}",)):
        yield _named(rule, rule.properties["GroupId"]), rule.properties


def _peers(rule: Mapping[str, Any], end: str) -> list[str]:
    group = rule.get(f"{end}SecurityGroupId")
    if group is not None:
        return [f"{_STACK}/{_group(group)}"]
    ranges = [rule.get("CidrIp"), rule.get("CidrIpv6"), rule.get(f"{end}PrefixListId")]
    return [text(each) for each in ranges if each is not None]


_STACK = "Network"
"""The stack whose groups rules speak of."""


def _named(rule: Resource, group: Any) -> str:
    return f"{rule.where.partition('/')[0]}/{_group(group)}"


def _group(reference: Any) -> str:
    return text(reference).strip("<>").removesuffix(".GroupId")


def _ports(rule: Mapping[str, Any]) -> tuple[int, int]:
    if str(rule.get("IpProtocol")) == "-1":
        return 0, 65535
    return int(rule.get("FromPort", 0)), int(rule.get("ToPort", 65535))


def _private(subject: Subject) -> Iterator[Fault]:
    if not subject.settings.private_network:
        return
    for way in ways_out(subject.templates):
        where, _, what = way.partition(" ")
        yield Fault(
            where,
            f"It {what}, and the network is private.",
            "Reach AWS by endpoints, or set private_network to false.",
        )


def _open(subject: Subject) -> Iterator[Fault]:
    for group in ways_in(subject.templates):
        yield Fault(
            group,
            "It lets the whole internet in.",
            "Name the security groups that may call, and the port.",
        )


CHECKS = (
    Check(
        "way-to-the-internet",
        "What has no way to the internet cannot carry data there, whatever runs in it.",
        _private,
    ),
    Check(
        "open-security-group",
        "A group that lets everybody in waits for the day when a route leads to it.",
        _open,
    ),
)
