"""Where an image went: by its content through manifests, from there through the lineage table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.image_store import entry
from tests.fakes.table import MemoryTable
from tests.fakes.versions import MemoryVersions
from visionml.contracts import layout
from visionml.contracts.dataset import DatasetRecord, ForgottenImage, ManifestEntry
from visionml.contracts.images import ImageRecord
from visionml.contracts.lineage import (
    Edge,
    Node,
    dataset_node,
    deployment_node,
    image_node,
    model_node,
    run_node,
)
from visionml.contracts.training import StepRecord
from visionml.dataset.catalog import Catalog
from visionml.dataset.manifest import manifest_text
from visionml.desks.image_lineage import graph, holdings, models
from visionml.plots import lineage as drawing
from visionml.registry.lineage import Lineage

NOW = datetime(2026, 11, 20, tzinfo=UTC)
IMAGE = "a" * 32


class World:
    """Two dataset versions hold the image, on two sides of the split; a third does not."""

    def __init__(self) -> None:
        self.objects = MemoryVersions()
        nobody: Any = SimpleNamespace(s3=None)
        self.catalog = Catalog(nobody, raw_bucket="raw", datasets_bucket="datasets")
        self.catalog._objects = self.objects  # type: ignore[assignment]
        self.lineage = Lineage(MemoryTable())
        mine = entry("cat", 1, "train")
        self.hash = mine.sha256
        self.add("v1", [mine, entry("cat", 2)])
        self.add("v2", [entry("cat", 1, "holdout"), entry("cat", 3)])
        self.add("v3", [entry("cat", 4)])

    def add(self, version: str, entries: list[ManifestEntry]) -> None:
        record = DatasetRecord(
            dataset="cats",
            version=version,
            created=NOW,
            source="",
            classes=("cat",),
            counts={"train": {}},
            refused=0,
            seed=0,
        )
        folder = f"s3://datasets/{layout.manifest_folder('cats', version)}"
        self.objects.write(f"{folder}manifest.jsonl", manifest_text(entries))
        self.objects.write(f"{folder}dataset.json", record.model_dump_json())

    def train(self, version: str, run: str, *, registered: bool = True) -> None:
        nodes = dataset_node("cats", version), run_node(run), model_node(run)
        for node in nodes:
            self.lineage.ensure(Node(id=node, status="made", timestamp=NOW))
        self.lineage.link(Edge(source=nodes[1], relation="trained_on", target=nodes[0]))
        if registered:
            self.lineage.link(Edge(source=nodes[1], relation="produced", target=nodes[2]))

    def record(self, status: str = "organised", **given: Any) -> ImageRecord:
        return ImageRecord(
            image_id=IMAGE,
            timestamp=NOW,
            processing_status=status,  # type: ignore[arg-type]
            file_size=1,
            image_format="png",
            **given,
        )


def test_datasets_models_and_deployments_of_an_image() -> None:
    world = World()
    world.train("v1", "run-1")
    world.train("v2", "run-2", registered=False)
    world.train("v3", "run-3")
    deployment = deployment_node("dep-1")
    world.lineage.create(Node(id=deployment, status="promoted", timestamp=NOW))
    world.lineage.link(Edge(source=model_node("run-1"), relation="deployed_as", target=deployment))
    record = world.record(content_hash=world.hash)
    held = holdings(world.catalog, record)
    assert sorted((each.record.version, each.use(None)) for each in held) == [
        ("v1", "learnt from it"),
        ("v2", "was measured by it"),
    ]
    found = graph(world, record, held)  # type: ignore[arg-type]
    assert {node.id for node in found.nodes} == {
        image_node(IMAGE),
        dataset_node("cats", "v1"),
        dataset_node("cats", "v2"),
        run_node("run-1"),
        run_node("run-2"),
        model_node("run-1"),
        deployment,
    }
    came = models(found, held)
    assert sorted(came.itertuples(index=False, name=None)) == [
        ("run-1", True, "cats@v1", "learnt from it", "dep-1"),
        ("run-2", False, "cats@v2", "was measured by it", ""),
    ]


def test_a_version_that_nobody_recorded_is_known_by_its_manifest() -> None:
    world = World()
    record = world.record(content_hash=world.hash)
    found = graph(world, record, holdings(world.catalog, record))  # type: ignore[arg-type]
    assert {node.id for node in found.of_kind("DATASET")} == {
        dataset_node("cats", "v1"),
        dataset_node("cats", "v2"),
    }


def test_an_image_that_nobody_holds_has_no_models() -> None:
    world = World()
    record = world.record(content_hash="f" * 64)
    held = holdings(world.catalog, record)
    assert held == []
    assert models(graph(world, record, held), held).empty  # type: ignore[arg-type]


def test_versions_that_have_lost_a_forgotten_image_are_told_without_its_hash() -> None:
    world = World()
    said = ForgottenImage(key="images/x", image_id=IMAGE, forgotten=NOW)
    other = ForgottenImage(key="images/y", image_id="b" * 32, forgotten=NOW)
    for sha256, each in ((world.hash, said), (entry("cat", 2).sha256, other)):
        key = layout.forgotten_image("cats", "v1", sha256)
        world.objects.write(f"s3://datasets/{key}", each.model_dump_json())
    (held,) = holdings(world.catalog, world.record("forgotten"))
    assert (held.record.version, held.entry.sha256) == ("v1", world.hash)
    assert held.forgotten
    both = holdings(world.catalog, world.record("forgotten", content_hash=world.hash))
    assert sorted((each.record.version, each.forgotten) for each in both) == [
        ("v1", NOW),
        ("v2", None),
    ]


@pytest.mark.parametrize(
    ("prepared", "use"),
    [
        (NOW - timedelta(hours=1), "learnt from it"),
        (NOW + timedelta(hours=1), "was made without it"),
        (None, "learnt from it"),
    ],
)
def test_a_model_knows_what_its_shards_held_when_they_were_prepared(
    prepared: datetime | None, use: str
) -> None:
    world = World()
    (held,) = holdings(world.catalog, world.record(content_hash=entry("cat", 2).sha256))
    assert held.entry.split == "holdout"
    held = replace(held, entry=entry("cat", 2, "train"), forgotten=NOW)
    step = StepRecord(status="finished", job="job", finished=prepared)
    steps: Any = {"prepare": step.model_dump(mode="json")}
    later = NOW + timedelta(days=1)
    run = Node(id="RUN#r", status="rejected", timestamp=later, facts={"steps": steps})
    assert held.use(run) == use


def test_the_way_of_an_image_is_drawn_from_the_left() -> None:
    world = World()
    world.train("v1", "run-1")
    record = world.record(content_hash=world.hash)
    drawn = drawing.graph(graph(world, record, holdings(world.catalog, record)))  # type: ignore[arg-type]
    assert drawn.description.endswith(": 1 image, 2 dataset, 1 run, 1 model.")
    places = {text.get_text(): text.get_position()[0] for text in drawn.figure.axes[0].texts}
    assert places["image"] < places["dataset"] < places["run"] < places["model"]
