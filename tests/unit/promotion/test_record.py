"""A deployment's outcome is what serves, and active-version never names anything else."""

from dataclasses import replace

import pytest

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from visionml.aws.endpoint import EndpointState
from visionml.contracts.deployment import DeploymentReport
from visionml.contracts.lineage import deployment_node, model_node
from visionml.promotion.record import judge, record
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

ENDED = DeploymentReport.model_validate(events.load("deployment_recorder.ended"))
REFUSED = DeploymentReport.model_validate(events.load("deployment_recorder.failed"))
assert ENDED.plan is not None
PLAN = ENDED.plan
VERSION, OLD = ENDED.request.model_version, "run-20261119-101500-a1b2"
SERVES_NEW = EndpointState(
    name=PLAN.endpoint_name,
    status="InService",
    config_name=PLAN.endpoint_config_name,
    variants=(),
    failure="",
)
SERVES_OLD = replace(
    SERVES_NEW, config_name=PLAN.previous_config_name, failure="the alarm errors went off"
)
STEP_FAILED = ENDED.model_copy(
    update={"action": "failed", "step": "CreateModel", "error": "E", "cause": "no image"}
)


@pytest.mark.parametrize(
    ("report", "endpoint", "outcome", "reason"),
    [
        (ENDED, SERVES_NEW, "promoted", VERSION),
        (ENDED, SERVES_OLD, "rolled_back", "the alarm errors went off"),
        (ENDED, replace(SERVES_NEW, status="Failed", failure="no ping"), "failed", "no ping"),
        (ENDED, replace(SERVES_NEW, status="Updating"), "failed", "is Updating"),
        (ENDED, replace(SERVES_NEW, config_name="theirs"), "failed", "did not ask for"),
        (ENDED, None, "failed", "There is no endpoint"),
        (STEP_FAILED, replace(SERVES_OLD, failure=""), "unchanged", "no image"),
        (REFUSED, SERVES_OLD, "unchanged", "Rejected, not Approved"),
        (REFUSED, None, "unchanged", "Rejected, not Approved"),
    ],
)
def test_a_deployment_is_judged_by_what_serves(
    report: DeploymentReport, endpoint: EndpointState | None, outcome: str, reason: str
) -> None:
    judged, why = judge(report, endpoint)
    assert judged == outcome
    assert reason in why


@pytest.fixture
def lineage() -> Lineage:
    lineage = Lineage(MemoryTable())
    lineage.update(model_node(OLD), status="serving", facts={})
    lineage.update(model_node(VERSION), status="registered", facts={})
    return lineage


@pytest.fixture
def versions() -> Versions:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    versions.activate(OLD)
    return versions


def test_a_promotion_moves_the_active_version_and_tells_lineage(
    lineage: Lineage, versions: Versions
) -> None:
    outcome = record(ENDED, endpoint=SERVES_NEW, versions=versions, lineage=lineage)
    node = lineage.get(deployment_node(ENDED.request.deployment_id))
    assert (outcome.outcome, outcome.active_version) == ("promoted", VERSION)
    assert versions.active() == VERSION
    assert (node.status, node.facts["previous_version"]) == ("promoted", OLD)
    assert lineage.get(model_node(VERSION)).status == "serving"
    assert lineage.get(model_node(OLD)).status == "retired"
    assert len(lineage.trace(model_node(VERSION)).edges) == 1


def test_recording_a_promotion_twice_tells_the_same_story(
    lineage: Lineage, versions: Versions
) -> None:
    first = record(ENDED, endpoint=SERVES_NEW, versions=versions, lineage=lineage)
    assert record(ENDED, endpoint=SERVES_NEW, versions=versions, lineage=lineage) == first
    node = lineage.get(deployment_node(ENDED.request.deployment_id))
    assert node.facts["previous_version"] == OLD
    assert lineage.get(model_node(VERSION)).status == "serving"


@pytest.mark.parametrize("report", [ENDED, STEP_FAILED, REFUSED])
def test_without_a_promotion_the_active_version_stays(
    lineage: Lineage, versions: Versions, report: DeploymentReport
) -> None:
    outcome = record(report, endpoint=SERVES_OLD, versions=versions, lineage=lineage)
    assert outcome.outcome != "promoted"
    assert outcome.active_version == OLD == versions.active()
    assert lineage.get(model_node(OLD)).status == "serving"
    assert lineage.get(model_node(VERSION)).status == "registered"


def test_a_refused_unknown_version_leaves_a_deployment_but_no_model(versions: Versions) -> None:
    lineage = Lineage(MemoryTable())
    record(REFUSED, endpoint=SERVES_OLD, versions=versions, lineage=lineage)
    graph = lineage.trace(deployment_node(REFUSED.request.deployment_id))
    assert graph.nodes[0].status == "unchanged"
    assert graph.edges == ()
