"""The deployment machine's handlers, on golden events and in-memory platforms."""

from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from tests.unit.promotion.test_approval import Tokens
from tests.unit.promotion.test_plan import SERVING, Registered
from visionml.aws.alarms import Alarm
from visionml.aws.invocation import Invocation
from visionml.contracts.deployment import DeploymentReport
from visionml.contracts.evaluation import EvaluationReport
from visionml.contracts.lineage import Edge, deployment_node, model_node
from visionml.errors import Conflict, NotFound
from visionml.promotion.approval import Approvals
from visionml.promotion.baseline import Baselines
from visionml.promotion.claim import Claims
from visionml.promotion.known_images import KnownImage
from visionml.promotion.plan import Production
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

START = events.load("deployment_planner")
REQUEST = START["request"]
ENDED = events.load("deployment_recorder.ended")
IMAGE = KnownImage("7", "image/png", b"png", "images/digits/7/1.png")
OTHER = {**REQUEST, "deployment_id": "dep-20261120-103100-c3d4"}


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def planner(cold_start: ColdStart, table: MemoryTable) -> ModuleType:
    """Start a planner that knows two versions, which may be deployed."""
    registered = Registered()
    alarms = {name: Alarm(name, "OK") for name in ("rollback-errors-a", "rollback-latency-a")}
    return cold_start(
        "deployment_planner",
        registered=registered.shelf,
        claims=Claims(table, "endpoint"),
        lineage=Lineage(table),
        production=lambda: Production(SERVING, registered.artefacts, alarms),
        running=lambda _execution: True,
    )


def test_the_planner_names_what_is_to_be_created(
    planner: ModuleType, context: LambdaContext
) -> None:
    plan = planner.handler(START, context)
    assert plan["endpoint_config_name"] == "ml-pipeline-local-dep-20261120-103000-c3d4"
    assert plan["production_variants"][0]["InstanceType"] == "ml.m5.large"
    assert set(plan) == set(ENDED["plan"])


def test_the_planner_claims_the_endpoint_and_tells_lineage(
    planner: ModuleType, context: LambdaContext, table: MemoryTable
) -> None:
    planner.handler(START, context)
    node = Lineage(table).get(deployment_node(REQUEST["deployment_id"]))
    assert (node.status, node.facts["kind"]) == ("running", "promotion")
    with pytest.raises(Conflict, match=REQUEST["deployment_id"]):
        planner.handler({**START, "request": OTHER}, context)
    assert planner.handler(START, context)["deployment_id"] == REQUEST["deployment_id"]


def test_the_planner_refuses_a_version_that_is_not_registered(
    planner: ModuleType, context: LambdaContext
) -> None:
    unknown = {**START, "request": {**REQUEST, "model_version": "run-20200101-000000-0000"}}
    with pytest.raises(NotFound, match="run-20200101-000000-0000 is not registered"):
        planner.handler(unknown, context)


def test_the_planner_goes_back_only_to_what_has_served(
    planner: ModuleType, context: LambdaContext, table: MemoryTable
) -> None:
    back = {**START, "phase": "update", "request": {**REQUEST, "kind": "rollback"}}
    with pytest.raises(Conflict, match="has never served"):
        planner.handler(back, context)
    lineage, past = Lineage(table), deployment_node("dep-20261101-103000-c3d4")
    lineage.update(past, status="promoted", facts={})
    model = model_node(REQUEST["model_version"])
    lineage.link(Edge(source=model, relation="deployed_as", target=past))
    assert planner.handler(back, context)["kind"] == "rollback"


def test_the_planner_refuses_a_version_whose_model_is_gone(
    planner: ModuleType, context: LambdaContext
) -> None:
    planner.registered.objects.objects.clear()
    with pytest.raises(NotFound, match=r"model\.tar\.gz"):
        planner.handler(START, context)


@pytest.fixture
def recorder(cold_start: ColdStart, table: MemoryTable) -> ModuleType:
    """Start a recorder; the endpoint serves what was planned."""
    parameters = MemoryParameters()
    config = ENDED["plan"]["endpoint_config_name"]
    return cold_start(
        "deployment_recorder",
        versions=Versions(parameters, "ml-pipeline"),
        baselines=Baselines(parameters, "ml-pipeline"),
        lineage=Lineage(table),
        claims=Claims(table, "endpoint"),
        find=lambda _client, _name: replace(SERVING, config_name=config),
    )


@pytest.mark.parametrize(
    ("event", "serves", "outcome"),
    [
        ("ended", "endpoint_config_name", "promoted"),
        ("ended", "previous_config_name", "rolled_back"),
        ("failed", "previous_config_name", "unchanged"),
    ],
)
def test_the_recorder_answers_what_serves(
    recorder: ModuleType, context: LambdaContext, event: str, serves: str, outcome: str
) -> None:
    serving = replace(SERVING, config_name=ENDED["plan"][serves])
    vars(recorder)["find"] = lambda _client, _name: serving
    answer = recorder.handler(events.load(f"deployment_recorder.{event}"), context)
    active = recorder.versions.active()
    assert answer["outcome"] == outcome
    assert answer["active_version"] == active
    assert (active == REQUEST["model_version"]) is (outcome == "promoted")


@pytest.mark.parametrize("event", ["deployment_recorder.ended", "deployment_recorder.failed"])
def test_the_recorder_releases_the_endpoint(
    recorder: ModuleType,
    planner: ModuleType,
    context: LambdaContext,
    event: str,
) -> None:
    planner.handler(START, context)
    recorder.handler(events.load(event), context)
    assert recorder.claims.holder() is None


@pytest.mark.parametrize("nothing", [{}, None])
def test_what_never_happened_is_told_as_nothing(nothing: Any) -> None:
    report = DeploymentReport.model_validate({**ENDED, "plan": nothing, "failure": nothing})
    assert (report.plan, report.failure, report.staging) == (None, None, None)


def test_the_checker_answers_a_report_for_each_model_that_is_to_answer(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    asked: list[tuple[str, int]] = []

    def invoke(_runtime: Any, endpoint: str, body: bytes, **options: Any) -> Invocation:
        asked.append((endpoint, len(body)))
        assert options["variant"] == "ModelA"
        return Invocation(400, b"refused", "")

    module = cold_start(
        "staging_checker",
        known_images=SimpleNamespace(read=lambda *_args, **_options: [IMAGE]),
        read_report=lambda _objects, _address: EvaluationReport.model_validate(
            events.load("evaluation_report")
        ),
        invoke=invoke,
    )
    shadow = {**ENDED["plan"]["models"][0], "variant": "Shadow"}
    plan = {**ENDED["plan"], "models": [*ENDED["plan"]["models"], shadow]}
    answer = module.handler({"plan": plan}, context)
    assert [check["variant"] for check in answer["checks"]] == ["ModelA"]
    assert not answer["passed"]
    assert "1 of 1 images were not read, the first with status 400: refused" in answer["reason"]
    assert {endpoint for endpoint, _ in asked} == {"ml-pipeline-staging-local-us-east-1"}


@pytest.mark.parametrize("approval", ["Approved", "PendingManualApproval"])
def test_the_functions_of_approvals_act_on_the_package_as_it_is(
    cold_start: ColdStart, context: LambdaContext, table: MemoryTable, approval: str
) -> None:
    registered = Registered()
    arn = registered.version.model_package_arn
    tokens = Tokens()
    for module in ("approval_requester", "approval_resolver"):
        cold_start(module, approvals=Approvals(table, registered.packages, tokens))
    registered.packages.set_approval(arn, "PendingManualApproval")
    requester = cold_start("approval_requester")
    plan = {**ENDED["plan"], "package_arn": arn}
    assert requester.handler({"plan": plan, "token": "t"}, context) == {
        "approval": "PendingManualApproval"
    }
    registered.packages.set_approval(arn, approval)
    event = events.load("approval_resolver")
    event["detail"]["ModelPackageArn"] = arn
    answer = cold_start("approval_resolver").handler(event, context)
    assert answer == {"package_arn": arn, "approval": approval}
    assert tokens.returned == ([("t", "Approved")] if approval == "Approved" else [])
