"""Where an image went: which dataset versions hold it, which models came of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from visionml.contracts.dataset import DatasetRecord, ManifestEntry, Split
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.contracts.lineage import Edge, Node, dataset_node, image_node
from visionml.dataset.catalog import Catalog
from visionml.desks.platform import Platform
from visionml.errors import NotFound
from visionml.registry import runs
from visionml.registry.lineage import LineageGraph

_USES: dict[Split, str] = {
    "train": "learnt from it",
    "validation": "was chosen by it",
    "holdout": "was measured by it",
}
WITHOUT = "was made without it"
"""Said of models whose shards were prepared after the image was forgotten."""


@dataclass(frozen=True)
class Holding:
    """A dataset version that holds an image, or held it until it was forgotten."""

    record: DatasetRecord
    entry: ManifestEntry
    forgotten: datetime | None = None

    @property
    def node(self) -> str:
        """The id of the version's node."""
        return dataset_node(self.record.dataset, self.record.version)

    def use(self, run: Node | None) -> str:
        """Return what the model of a run on the version has to do with the image."""
        if run and self.forgotten:
            prepared = runs.steps_of(run).get("prepare")
            if prepared and prepared.finished and prepared.finished > self.forgotten:
                return WITHOUT
        return _USES[self.entry.split]


def holdings(catalog: Catalog, record: ImageRecord) -> list[Holding]:
    """Return the dataset versions that hold an image, known by its content, the newest first.

    Those that have lost it because it was forgotten are told too, though its hash is not known
    any more.
    """
    hashes = {each for each in (record.content_hash, record.upload_hash) if each}
    found = [
        Holding(version, entry, _forgotten(catalog, version, entry))
        for version, entry in catalog.holding(hashes)
    ]
    if record.processing_status == ProcessingStatus.FORGOTTEN:
        found += [each for each in _held_once(catalog, record.image_id) if each not in found]
    return found


def _forgotten(catalog: Catalog, version: DatasetRecord, entry: ManifestEntry) -> datetime | None:
    if entry.sha256 not in catalog.lost(version.dataset, version.version):
        return None
    return catalog.forgotten(version.dataset, version.version)[entry.sha256].forgotten


def _held_once(catalog: Catalog, image_id: str) -> Iterator[Holding]:
    """Yield the versions that say of themselves that they have lost the image."""
    for version in catalog.versions():
        lost = catalog.forgotten(version.dataset, version.version)
        hashes = {sha256 for sha256, each in lost.items() if each.image_id == image_id}
        for entry in catalog.entries(version.dataset, version.version) if hashes else ():
            if entry.sha256 in hashes:
                yield Holding(version, entry, lost[entry.sha256].forgotten)


def graph(platform: Platform, record: ImageRecord, held: list[Holding]) -> LineageGraph:
    """Return an image's node, those of the versions that hold it and of all that came of them."""
    start = image_node(record.image_id)
    status = record.processing_status.value
    nodes = {start: Node(id=start, status=status, timestamp=record.timestamp)}
    edges: dict[Edge, None] = {}
    for each in held:
        edges[Edge(source=each.node, relation="holds", target=start)] = None
        try:
            traced = platform.lineage.trace(each.node)
        except NotFound:  # the version was made, its record was not
            made = each.record.created
            nodes.setdefault(each.node, Node(id=each.node, status="imported", timestamp=made))
        else:
            nodes |= {node.id: node for node in traced.nodes}
            edges |= dict.fromkeys(traced.edges)
    return LineageGraph(start=start, nodes=tuple(nodes.values()), edges=tuple(edges))


def models(found: LineageGraph, held: list[Holding]) -> pd.DataFrame:
    """Return the models that came of the versions that hold an image, and where they went.

    A run whose model was not registered has left an artefact all the same.
    """
    rows = [
        {
            "model": _id(run),
            "registered": bool(made := _later(found, run, "produced")),
            "dataset": _id(each.node),
            "the model": each.use(found.node(run)),
            "deployments": ", ".join(
                _id(deployment)
                for model in made
                for deployment in _later(found, model, "deployed_as")
            ),
        }
        for each in held
        for run in _later(found, each.node, "trained_on")
    ]
    columns = ["model", "registered", "dataset", "the model", "deployments"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _later(found: LineageGraph, node: str, relation: str) -> list[str]:
    return [
        edge.later for edge in found.edges if edge.relation == relation and edge.earlier == node
    ]


def _id(node: str) -> str:
    return node.partition("#")[2]
