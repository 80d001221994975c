"""Lineage is a graph that can be walked from either end."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.table import MemoryTable
from visionml.aws.table import Item
from visionml.contracts.dataset import DatasetRecord
from visionml.contracts.lineage import (
    Edge,
    Node,
    dataset_node,
    deployment_node,
    model_node,
    run_node,
)
from visionml.errors import Conflict, NotFound
from visionml.registry.lineage import Lineage, record_dataset

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
DATASET = dataset_node("digits", "abc")
RUN, MODEL, DEPLOYMENT = run_node("r1"), model_node("r1"), deployment_node("d1")


def node(node_id: str, status: str = "there", age: int = 0) -> Node:
    return Node(id=node_id, status=status, timestamp=NOW - timedelta(minutes=age))


@pytest.fixture
def story() -> Lineage:
    lineage = Lineage(MemoryTable())
    for node_id in (DATASET, RUN, MODEL, DEPLOYMENT):
        lineage.create(node(node_id))
    lineage.link(Edge(source=RUN, relation="trained_on", target=DATASET))
    lineage.link(Edge(source=RUN, relation="produced", target=MODEL))
    lineage.link(Edge(source=MODEL, relation="deployed_as", target=DEPLOYMENT))
    return lineage


@pytest.mark.parametrize("start", [DATASET, RUN, MODEL, DEPLOYMENT])
def test_the_whole_story_is_reached_from_each_of_its_nodes(story: Lineage, start: str) -> None:
    graph = story.trace(start)
    assert graph.nodes[0].id == start
    assert {n.id for n in graph.nodes} == {DATASET, RUN, MODEL, DEPLOYMENT}
    assert len(graph.edges) == 3


def test_depth_bounds_the_walk(story: Lineage) -> None:
    assert {n.id for n in story.trace(DATASET, depth=1).nodes} == {DATASET, RUN}
    assert {n.id for n in story.trace(DATASET, depth=2).nodes} == {DATASET, RUN, MODEL}
    assert story.trace(DATASET, depth=0).edges == ()


def test_siblings_are_no_part_of_a_models_story(story: Lineage) -> None:
    for node_id in (run_node("r2"), model_node("r2")):
        story.create(node(node_id))
    story.link(Edge(source=run_node("r2"), relation="trained_on", target=DATASET))
    story.link(Edge(source=run_node("r2"), relation="produced", target=model_node("r2")))
    assert {n.id for n in story.trace(MODEL).nodes} == {DATASET, RUN, MODEL, DEPLOYMENT}
    assert {run_node("r2"), model_node("r2")} < {n.id for n in story.trace(DATASET).nodes}


def test_nodes_of_one_kind_are_found_in_a_graph(story: Lineage) -> None:
    graph = story.trace(DEPLOYMENT)
    assert [n.id for n in graph.of_kind("DATASET")] == [DATASET]
    assert graph.node("MODEL#unknown") is None


def test_an_edge_to_something_unrecorded_is_told_without_a_node(story: Lineage) -> None:
    gone = deployment_node("gone")
    story.link(Edge(source=MODEL, relation="deployed_as", target=gone))
    graph = story.trace(MODEL)
    assert graph.node(gone) is None
    assert gone in {edge.target for edge in graph.edges}


def test_linking_twice_leaves_one_edge(story: Lineage) -> None:
    story.link(Edge(source=RUN, relation="produced", target=MODEL))
    assert len(story.edges(RUN)) == 2


def test_a_node_is_created_once(story: Lineage) -> None:
    with pytest.raises(Conflict):
        story.create(node(RUN, "again"))
    story.ensure(node(RUN, "again"))
    assert story.get(RUN).status == "there"


def test_an_update_keeps_the_facts_it_does_not_name(story: Lineage) -> None:
    story.update(RUN, status="started", facts={"seed": 7, "score": 0.5})
    updated = story.update(RUN, status="failed", facts={"score": 0.75})
    assert story.get(RUN) == updated
    assert updated.facts == {"seed": 7, "score": 0.75}
    assert updated.status == "failed"


class Raced(MemoryTable):
    """Lets another writer come first, as often as told."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races = races

    def get(self, pk: str, sk: str) -> Item | None:
        found = super().get(pk, sk)
        if self.races:
            self.races -= 1
            rival = {**(found or {"PK": pk, "SK": sk, "status": "s"}), "facts": {"rival": True}}
            self.items[pk, sk] = {**rival, "timestamp": f"2026-11-20T10:00:0{self.races}+00:00"}
        return found


def test_an_update_that_meets_another_writer_reads_again() -> None:
    lineage = Lineage(Raced(2))
    assert lineage.update(RUN, status="ours", facts={"ours": True}).facts == {
        "rival": True,
        "ours": True,
    }


def test_an_update_gives_up_when_others_always_come_first() -> None:
    with pytest.raises(Conflict, match="changed by others"):
        Lineage(Raced(9)).update(RUN, status="ours", facts={})


def test_what_is_not_recorded_is_not_found() -> None:
    with pytest.raises(NotFound, match="MODEL#none"):
        Lineage(MemoryTable()).trace(model_node("none"))


def test_nodes_of_a_status_come_newest_first(story: Lineage) -> None:
    for age, name in ((2, "old"), (1, "new"), (3, "oldest")):
        story.create(node(run_node(name), "failed", age))
    assert [n.id for n in story.with_status("failed", limit=2)] == ["RUN#new", "RUN#old"]


def test_a_dataset_version_is_recorded_once_with_its_counts() -> None:
    lineage = Lineage(MemoryTable())
    record = DatasetRecord(
        dataset="digits",
        version="abc",
        created=NOW,
        source="data_samples/digits",
        classes=("0", "1"),
        counts={"train": {"0": 6, "1": 7}, "validation": {"0": 1}, "holdout": {"1": 2}},
        refused=1,
        seed=0,
    )
    record_dataset(lineage, record)
    record_dataset(lineage, record)
    facts = lineage.get(DATASET).facts
    assert (facts["images"], facts["train"], facts["holdout"]) == (16, 13, 2)
