"""Going back: to what served before, only to what can be restored, and once for many people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.machine import ARN, MemoryMachine
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from visionml.aws.endpoint import EndpointState
from visionml.contracts.deployment import DeploymentKind, DeploymentRequest
from visionml.contracts.lineage import Edge, Node, deployment_node, model_node
from visionml.contracts.names import deployed
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, InvalidInput, NotFound
from visionml.promotion import rollback
from visionml.promotion.in_service import InService, in_service
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

FIRST, SECOND, THIRD = (f"run-2026112{day}-101500-a1b2" for day in (0, 1, 2))
MOMENT = datetime(2026, 11, 25, 10, 30, 20, tzinfo=UTC)
ENDPOINT = EndpointState("endpoint", "InService", "", (), "")


def version_record(version: str) -> VersionRecord:
    return VersionRecord(
        version=version,
        model_package_arn="arn:package/1",
        artefact=f"s3://models/runs/{version}/output/{version}-train/output/model.tar.gz",
        image="image:1",
        metrics={"accuracy": 0.98},
        dataset="digits",
        dataset_version="abc",
        created=datetime(2026, 11, 20, tzinfo=UTC),
    )


class Story:
    """What was deployed, one after the other, a minute apart."""

    def __init__(self, *steps: tuple[str, DeploymentKind, str]) -> None:
        self.lineage = Lineage(MemoryTable())
        self.versions = Versions(MemoryParameters(), "ml-pipeline")
        self.now = InService(ENDPOINT, None, None)
        self.objects = MemoryObjects()
        for minute, (version, kind, outcome) in enumerate(steps):
            self.add(version, kind, outcome, moment=MOMENT + timedelta(minutes=minute))

    def add(self, version: str, kind: DeploymentKind, outcome: str, *, moment: datetime) -> str:
        record = self.versions.write(version_record(version))
        self.objects.objects[record.artefact] = b"model"
        deployment_id = f"dep-{moment:%Y%m%d-%H%M%S}-c3d4"
        facts = {"kind": kind, "model_version": version}
        node = Node(
            id=deployment_node(deployment_id), status=outcome, timestamp=moment, facts=dict(facts)
        )
        self.lineage.create(node)
        self.lineage.ensure(
            Node(id=model_node(version), status="registered", timestamp=moment, facts={})
        )
        self.lineage.link(Edge(source=model_node(version), relation="deployed_as", target=node.id))
        if outcome == "promoted":
            config = deployed("ml-pipeline", "local", deployment_id)
            self.now = InService(replace(ENDPOINT, config_name=config), version, deployment_id)
        return deployment_id

    def restorable(self, version: str) -> VersionRecord:
        return rollback.restorable(
            version, versions=self.versions, lineage=self.lineage, objects=self.objects
        )


PROMOTED_TWICE: tuple[tuple[str, DeploymentKind, str], ...] = (
    (FIRST, "promotion", "promoted"),
    (SECOND, "promotion", "promoted"),
)


def test_a_rollback_leads_to_the_version_that_served_before() -> None:
    story = Story(*PROMOTED_TWICE, (THIRD, "promotion", "rolled_back"))
    assert rollback.previous(story.lineage, story.now) == FIRST


def test_promoting_a_version_again_does_not_hide_the_one_before() -> None:
    story = Story(*PROMOTED_TWICE, (SECOND, "promotion", "promoted"))
    assert rollback.previous(story.lineage, story.now) == FIRST


def test_going_back_twice_stays_where_the_first_one_led() -> None:
    story = Story(*PROMOTED_TWICE, (FIRST, "rollback", "promoted"))
    assert rollback.previous(story.lineage, story.now) == FIRST


def test_after_another_promotion_a_rollback_leads_back_again() -> None:
    story = Story(
        *PROMOTED_TWICE, (FIRST, "rollback", "promoted"), (THIRD, "promotion", "promoted")
    )
    assert rollback.previous(story.lineage, story.now) == FIRST


def test_going_forward_by_hand_to_what_was_left_can_be_taken_back_again() -> None:
    story = Story(
        *PROMOTED_TWICE, (FIRST, "rollback", "promoted"), (SECOND, "rollback", "promoted")
    )
    assert rollback.previous(story.lineage, story.now) == FIRST


def test_an_endpoint_put_back_in_the_console_counts_as_gone_back() -> None:
    story = Story(*PROMOTED_TWICE)
    assert rollback.previous(story.lineage, replace(story.now, version=FIRST)) == FIRST


def test_without_an_earlier_version_there_is_nothing_to_go_back_to() -> None:
    story = Story((FIRST, "promotion", "promoted"))
    with pytest.raises(NotFound, match=f"no version has served before {FIRST}"):
        rollback.previous(story.lineage, story.now)


def test_before_the_first_promotion_there_is_nothing_to_go_back_from() -> None:
    story = Story()
    with pytest.raises(NotFound, match="endpoint serves no registered version"):
        rollback.previous(story.lineage, story.now)


def test_a_version_that_has_served_is_restorable() -> None:
    assert Story(*PROMOTED_TWICE).restorable(FIRST).version == FIRST


@pytest.mark.parametrize("garbage", ["", "latest", "run-1", f"{FIRST} "])
def test_garbage_is_no_version(garbage: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a model version"):
        Story(*PROMOTED_TWICE).restorable(garbage)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(NotFound, match="is not registered"):
        Story(*PROMOTED_TWICE).restorable(THIRD)


def test_a_version_whose_artefact_is_gone_is_refused() -> None:
    story = Story(*PROMOTED_TWICE)
    story.objects.objects.clear()
    with pytest.raises(NotFound, match=r"there is no s3://models/runs/.*model\.tar\.gz"):
        story.restorable(FIRST)


def test_a_version_that_was_cleaned_is_refused_with_the_day() -> None:
    story = Story(*PROMOTED_TWICE)
    story.versions.expire(story.versions.read(FIRST), MOMENT)
    with pytest.raises(Conflict, match="was cleaned on 2026-11-25"):
        story.restorable(FIRST)


@pytest.mark.parametrize("outcome", ["rolled_back", "failed", "unchanged", "running"])
def test_a_version_that_never_served_is_refused(outcome: str) -> None:
    story = Story(*PROMOTED_TWICE, (THIRD, "promotion", outcome))
    with pytest.raises(Conflict, match="has never served"):
        story.restorable(THIRD)


def test_what_serves_is_read_off_the_artefact() -> None:
    story = Story(*PROMOTED_TWICE)
    served = {"ml-pipeline-local-dep-1": story.versions.read(SECOND).artefact}
    look = {"versions": story.versions, "prefix": "ml-pipeline", "environment": "local"}
    state = replace(ENDPOINT, config_name="ml-pipeline-local-dep-1")
    found = in_service(state, artefact=served.get, **look)  # type: ignore[arg-type]
    assert (found.version, found.deployment_id) == (SECOND, "dep-1")
    seed = in_service(ENDPOINT, artefact=served.get, **look)  # type: ignore[arg-type]
    assert (seed.version, seed.deployment_id) == (None, None)


def test_an_artefact_that_is_not_its_versions_own_is_no_version() -> None:
    story = Story(*PROMOTED_TWICE)
    other = f"s3://models/runs/{SECOND}/output/other/model.tar.gz"
    found = in_service(
        ENDPOINT,
        artefact=lambda _name: other,
        versions=story.versions,
        prefix="ml-pipeline",
        environment="local",
    )
    assert found.version is None


def test_two_people_who_go_back_at_once_get_one_rollback() -> None:
    machine = MemoryMachine()
    first = rollback.begin(machine.client, ARN, FIRST, now=MOMENT)
    second = rollback.begin(machine.client, ARN, FIRST, now=MOMENT + timedelta(seconds=1))
    later = rollback.begin(machine.client, ARN, FIRST, now=MOMENT + timedelta(minutes=5))
    assert first == second == later
    (request,) = machine.requests()
    assert (request["model_version"], request["kind"]) == (FIRST, "rollback")


def test_who_looked_before_the_other_started_gets_the_same_execution() -> None:
    machine = MemoryMachine()
    blind = MemoryMachine()
    first = rollback.begin(machine.client, ARN, FIRST, now=MOMENT)
    second = rollback.begin(blind.client, ARN, FIRST, now=MOMENT + timedelta(seconds=5))
    assert first == second


def test_a_rollback_that_has_ended_may_be_tried_again() -> None:
    machine = MemoryMachine()
    first = rollback.begin(machine.client, ARN, FIRST, now=MOMENT)
    machine.end(first.execution_arn)
    second = rollback.begin(machine.client, ARN, FIRST, now=MOMENT)
    assert second.deployment_id != first.deployment_id
    assert len(machine.requests()) == 2


def test_rollbacks_to_two_versions_are_two() -> None:
    machine = MemoryMachine()
    ids = {
        rollback.begin(machine.client, ARN, version, now=MOMENT).deployment_id
        for version in (FIRST, SECOND)
    }
    assert len(ids) == 2


def test_a_promotion_under_way_is_not_joined() -> None:
    machine = MemoryMachine()
    promotion = DeploymentRequest(model_version=FIRST, deployment_id="dep-20261125-103000-0000")
    machine.start_execution(
        stateMachineArn=ARN, name=promotion.deployment_id, input=promotion.model_dump_json()
    )
    started = rollback.begin(machine.client, ARN, FIRST, now=MOMENT)
    assert started.deployment_id != promotion.deployment_id


def test_a_rollbacks_id_is_a_deployments() -> None:
    name = rollback.rollback_id(FIRST, MOMENT)
    request = DeploymentRequest(model_version=FIRST, deployment_id=name, kind="rollback")
    assert request.deployment_id.startswith("dep-20261125-103000-")
