"""Nothing private reaches the internet or is reached from it; what code calls has an endpoint."""

from typing import Any

import pytest

from tests.fakes.apis import apis, stored
from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesise, Synthesised
from visionml.guardrails import reach
from visionml.guardrails.grants import pairs, readable, role_statements

WORKLOADS, ENDPOINTS = "Network/NetworkWorkloads", "Network/NetworkEndpoints"
OF_INSTANCES = {
    "ecr.api": "Batch's instances pull the image.",
    "ecr.dkr": "Batch's instances pull the image.",
    "ecs": "The agent on Batch's instances.",
    "ecs-agent": "The agent on Batch's instances.",
    "ecs-telemetry": "The agent on Batch's instances.",
    "logs": "The containers on Batch's instances log.",
}
"""Endpoints that no code of ours calls, with who does."""
BY_LAMBDA = {"logs"}
"""What Lambda itself does for its functions, from outside the network."""


@pytest.fixture(params=["staging", "prod"])
def private(request: pytest.FixtureRequest, synthesised: Synthesise) -> Synthesised:
    found = synthesised(request.param)
    assert found.settings.private_network
    return found


def _group(where: str) -> str:
    return readable(where)


def test_nothing_leads_out(private: Synthesised) -> None:
    assert reach.ways_out(private.templates) == []


def test_nobody_is_let_in_from_the_internet(environment: Synthesised) -> None:
    assert reach.ways_in(environment.templates) == []


def test_workloads_are_called_by_each_other_and_endpoints_by_workloads(
    private: Synthesised,
) -> None:
    found = {
        (_group(flow.source), _group(flow.target), flow.first_port, flow.last_port)
        for flow in reach.flows(private.templates)
    }
    assert found == {
        (WORKLOADS, WORKLOADS, 0, 65535),
        (WORKLOADS, ENDPOINTS, 443, 443),
    }


def test_workloads_send_by_tls_or_to_each_other(private: Synthesised) -> None:
    found = {
        (_group(flow.source), _group(flow.target), flow.first_port, flow.last_port)
        for flow in reach.departures(private.templates)
        if _group(flow.source) == WORKLOADS
    }
    assert found == {
        (WORKLOADS, "0.0.0.0/0", 443, 443),  # there is no route but to endpoints
        (WORKLOADS, WORKLOADS, 0, 65535),
    }


def test_interface_endpoints_are_in_the_group_that_workloads_may_call(
    private: Synthesised,
) -> None:
    interfaces = [
        each
        for each in private.properties("AWS::EC2::VPCEndpoint")
        if each["VpcEndpointType"] == "Interface"
    ]
    assert interfaces
    for each in interfaces:
        (group,) = each["SecurityGroupIds"]
        assert text(group).startswith("<NetworkEndpoints")
        assert each["PrivateDnsEnabled"] is True


def _inside(found: Synthesised) -> dict[str, set[str]]:
    """Return the APIs that the code of each role in the network calls."""
    granted = role_statements(found.templates)
    called = stored()
    return {
        role: called.get(role, apis(action for action, _ in pairs(granted[role])) - BY_LAMBDA)
        for role in _roles_inside(found)
    }


def _roles_inside(found: Synthesised) -> set[str]:
    """Return the roles of functions, jobs and endpoints that run in the network."""
    functions = {
        f"{where.partition('/')[0]}/{_role(resource)}"
        for where, resource in found.resources("AWS::Lambda::Function").items()
        if "VpcConfig" in resource["Properties"]
    }
    return {readable(role) for role in functions} | {"Training/JobsRole", "Serving/HostingRole"}


def _role(function: dict[str, Any]) -> str:
    return text(function["Properties"]["Role"]).strip("<>").removesuffix(".Arn")


def test_every_api_that_code_in_the_network_calls_has_an_endpoint(private: Synthesised) -> None:
    has = set(reach.endpoints(private.templates))
    missing = {role: called - has for role, called in _inside(private).items() if called - has}
    assert missing == {}


def test_no_endpoint_is_there_that_nobody_calls(private: Synthesised) -> None:
    called = set().union(*_inside(private).values())
    assert set(reach.endpoints(private.templates)) - called <= OF_INSTANCES.keys()


def test_the_stored_list_holds_no_api_that_its_role_may_not_call(prod: Synthesised) -> None:
    granted = role_statements(prod.templates)
    for role, called in stored().items():
        assert called <= apis(action for action, _ in pairs(granted[role])), role
