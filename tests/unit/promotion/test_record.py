"""A deployment's outcome is what serves, and active-version never names anything else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from visionml.aws.endpoint import EndpointState
from visionml.contracts.deployment import DeploymentOutcome, DeploymentReport, StepFailure
from visionml.contracts.lineage import Node, deployment_node, model_node
from visionml.errors import NotFound
from visionml.promotion.baseline import Baselines
from visionml.promotion.record import begin, judge, record
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
BROKEN = StepFailure(step="CreateModels", error="E", cause="no image")
STEP_FAILED = ENDED.model_copy(update={"updated": False, "failure": BROKEN})
UNHEARD = STEP_FAILED.model_copy(
    update={"failure": BROKEN.model_copy(update={"step": "UpdateEndpoint"})}
)
SERVED = ENDED.model_copy(
    update={"updated": False, "plan": PLAN.model_copy(update={"serves_already": True})}
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
        (STEP_FAILED, replace(SERVES_OLD, status="Updating"), "unchanged", "no image"),
        (UNHEARD, SERVES_OLD, "unchanged", "no image"),
        (UNHEARD, replace(SERVES_OLD, status="Updating"), "failed", "is Updating"),
        (UNHEARD, SERVES_NEW, "promoted", VERSION),
        (SERVED, SERVES_OLD, "unchanged", "already"),
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


NOW = ENDED.started + timedelta(seconds=12.5)


class Books:
    """What a recorder writes to: the older version serves."""

    def __init__(self) -> None:
        self.lineage = Lineage(MemoryTable())
        self.lineage.update(model_node(OLD), status="serving", facts={})
        self.lineage.update(model_node(VERSION), status="registered", facts={})
        self.parameters = MemoryParameters()
        self.versions = Versions(self.parameters, "ml-pipeline")
        self.versions.activate(OLD)
        self.baselines = Baselines(self.parameters, "ml-pipeline")

    def record(self, report: DeploymentReport, endpoint: EndpointState) -> DeploymentOutcome:
        return record(
            report,
            endpoint=endpoint,
            versions=self.versions,
            lineage=self.lineage,
            baselines=self.baselines,
            now=NOW,
        )

    def deployment(self) -> Node:
        return self.lineage.get(deployment_node(ENDED.request.deployment_id))


@pytest.fixture
def books() -> Books:
    return Books()


def test_a_promotion_moves_the_active_version_and_tells_lineage(books: Books) -> None:
    begin(books.lineage, ENDED.request)
    assert books.deployment().status == "running"
    outcome = books.record(ENDED, SERVES_NEW)
    node = books.deployment()
    assert (outcome.outcome, outcome.active_version) == ("promoted", VERSION)
    assert (outcome.previous_version, outcome.seconds) == (OLD, 12.5)
    assert books.versions.active() == VERSION
    assert (node.status, node.facts["previous_version"]) == ("promoted", OLD)
    assert node.facts["armed_alarms"] == list(PLAN.armed_alarms)
    assert books.lineage.get(model_node(VERSION)).status == "serving"
    assert books.lineage.get(model_node(OLD)).status == "retired"
    assert len(books.lineage.trace(model_node(VERSION)).edges) == 1


def test_a_promotion_is_watched_against_the_data_of_its_evaluation(books: Books) -> None:
    books.record(ENDED, SERVES_NEW)
    baseline = books.baselines.read(VERSION)
    assert baseline.deployment_id == ENDED.request.deployment_id
    assert baseline.dataset_version == PLAN.models[0].dataset_version
    assert baseline.evaluation == PLAN.models[0].evaluation


def test_the_outcome_stands_before_the_baseline_and_that_before_the_active_version(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def watched(name: str, value: str, *, new: bool = False) -> int:
        told.append(f"{books.deployment().status} {name.rsplit('/', 1)[-1]}")
        return 1

    monkeypatch.setattr(books.parameters, "put", watched)
    books.record(ENDED, SERVES_NEW)
    assert told == ["promoted baseline", "promoted active-version"]


def test_recording_a_promotion_twice_tells_the_same_story(books: Books) -> None:
    first = books.record(ENDED, SERVES_NEW)
    assert books.record(ENDED, SERVES_NEW) == first
    assert books.deployment().facts["previous_version"] == OLD
    assert books.lineage.get(model_node(VERSION)).status == "serving"


@pytest.mark.parametrize("report", [ENDED, STEP_FAILED, REFUSED])
def test_without_a_promotion_the_active_version_stays(
    books: Books, report: DeploymentReport
) -> None:
    outcome = books.record(report, SERVES_OLD)
    assert outcome.outcome != "promoted"
    assert outcome.active_version == OLD == books.versions.active()
    assert books.lineage.get(model_node(OLD)).status == "serving"
    assert books.lineage.get(model_node(VERSION)).status == "registered"
    with pytest.raises(NotFound):
        books.baselines.read(VERSION)


def test_what_serves_already_is_what_the_active_version_names(books: Books) -> None:
    outcome = books.record(SERVED, SERVES_OLD)
    assert (outcome.outcome, outcome.active_version) == ("unchanged", VERSION)
    assert books.versions.active() == VERSION


def test_a_refused_unknown_version_leaves_a_deployment_but_no_model(books: Books) -> None:
    books.lineage = Lineage(MemoryTable())
    books.record(REFUSED, SERVES_OLD)
    graph = books.lineage.trace(deployment_node(REFUSED.request.deployment_id))
    assert graph.nodes[0].status == "unchanged"
    assert graph.edges == ()
