"""Where a model came from and where it went: images, datasets, runs, models, deployments."""

import re

import pandas as pd

from visionml.contracts.lineage import dataset_node, deployment_node, model_node, run_node
from visionml.desks import image_lineage
from visionml.desks.image_lineage import Holding
from visionml.desks.platform import Platform
from visionml.errors import NotFound
from visionml.plots import lineage as drawing
from visionml.plots.picture import Picture
from visionml.registry.lineage import LineageGraph

_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


class Trace:
    """Everything recorded around one dataset version, run, model or deployment."""

    def __init__(self, graph: LineageGraph) -> None:
        self.graph = graph

    def __repr__(self) -> str:
        return f"<Trace of {self.graph.start}: {len(self.graph.nodes)} nodes>"

    def nodes(self) -> pd.DataFrame:
        """Return what was found: kind, id, status and when."""
        rows = [
            {
                "kind": node.id.partition("#")[0].lower(),
                "id": node.id.partition("#")[2],
                "status": node.status,
                "when": f"{node.timestamp:%Y-%m-%d %H:%M:%S}",
            }
            for node in sorted(self.graph.nodes, key=lambda node: node.timestamp)
        ]
        return pd.DataFrame(rows)

    def edges(self) -> pd.DataFrame:
        """Return how it hangs together: source, relation, target."""
        rows = [
            {
                "source": edge.source.partition("#")[2],
                "relation": edge.relation.replace("_", " "),
                "target": edge.target.partition("#")[2],
            }
            for edge in self.graph.edges
        ]
        return pd.DataFrame(rows).drop_duplicates() if rows else pd.DataFrame(rows)

    def draw(self) -> Picture:
        """Return a drawing: datasets on the left, what came of them to the right."""
        return drawing.graph(self.graph)


class ImageTrace(Trace):
    """Where one image went: the dataset versions that hold it, and what came of them."""

    def __init__(self, graph: LineageGraph, held: list[Holding]) -> None:
        super().__init__(graph)
        self.holdings = held

    def datasets(self) -> pd.DataFrame:
        """Return the dataset versions that hold the image, as what, and whether it is there yet."""
        rows = [
            {
                "dataset": held.record.dataset,
                "version": held.record.version,
                "label": held.entry.label,
                "split": held.entry.split,
                "key": held.entry.key,
                "forgotten": held.forgotten is not None,
            }
            for held in self.holdings
        ]
        columns = ["dataset", "version", "label", "split", "key", "forgotten"]
        return pd.DataFrame(rows, columns=pd.Index(columns))

    def models(self) -> pd.DataFrame:
        """Return the models that came of these versions, and where they were deployed."""
        return image_lineage.models(self.graph, self.holdings)


class Lineage:
    """The lineage of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def of(self, subject: str) -> Trace:
        """Return what surrounds a model version, a ``dataset@version``, a deployment or an image.

        A run and the model that it trained share one id; the model is preferred.

        Raises
        ------
        NotFound
            Nothing is recorded about it.
        """
        if _IMAGE_ID.fullmatch(subject):
            return self.image(subject)
        for node in _candidates(subject):
            if self._platform.lineage.find(node):
                return Trace(self._platform.lineage.trace(node))
        raise NotFound(
            f"Nothing is recorded about {subject!r}.",
            hint="Give the id of a run, a model version, a deployment or an image, or"
            " DATASET@VERSION.",
        )

    def image(self, image_id: str) -> ImageTrace:
        """Return which dataset versions hold an image, and which models came of them.

        Versions are asked for the image's content, by its hash, in their manifests. Of an image
        that was forgotten, those are told that have lost it.

        Raises
        ------
        NotFound
            Intake knows no such image.
        """
        record = self._platform.images.get(image_id)
        held = image_lineage.holdings(self._platform.catalog, record)
        return ImageTrace(image_lineage.graph(self._platform, record, held), held)

    def draw(self, subject: str) -> Picture:
        """Draw what surrounds a subject; see `of`."""
        return self.of(subject).draw()


def _candidates(subject: str) -> list[str]:
    if "@" in subject:
        name, _, version = subject.partition("@")
        return [dataset_node(name, version)]
    if subject.startswith("dep-"):
        return [deployment_node(subject)]
    return [model_node(subject), run_node(subject)]
