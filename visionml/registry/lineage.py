"""Which dataset and run made a model, where it was deployed: a graph in one table."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from visionml.aws.table import Item
from visionml.contracts import lineage
from visionml.contracts.dataset import DatasetRecord
from visionml.contracts.lineage import NODE_SK, STATUS_INDEX, Edge, Node
from visionml.errors import Conflict, NotFound
from visionml.registry.ports import Items

_ATTEMPTS = 5


class LineageGraph(BaseModel):
    """What was found around one node."""

    model_config = ConfigDict(frozen=True)

    start: str
    nodes: tuple[Node, ...]
    """The start first, then by distance."""
    edges: tuple[Edge, ...]

    def node(self, node_id: str) -> Node | None:
        """Return a node of the graph."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def of_kind(self, kind: lineage.Kind) -> list[Node]:
        """Return the nodes of one kind, such as ``RUN``."""
        return [node for node in self.nodes if node.id.startswith(f"{kind}#")]


class Lineage:
    """The lineage table as a graph of nodes and edges."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def create(self, node: Node) -> None:
        """Write a node that must not exist yet.

        Raises
        ------
        Conflict
            It exists.
        """
        self._items.put(_item(node), expected={"PK": None})

    def ensure(self, node: Node) -> None:
        """Write a node unless it exists; an existing one stays as it is."""
        try:
            self.create(node)
        except Conflict:
            return

    def find(self, node_id: str) -> Node | None:
        """Return a node, or None."""
        item = self._items.get(node_id, NODE_SK)
        return None if item is None else _node(item)

    def get(self, node_id: str) -> Node:
        """Return a node.

        Raises
        ------
        NotFound
            Nothing is recorded under that id.
        """
        node = self.find(node_id)
        if node is None:
            raise NotFound(
                f"Nothing is recorded about {node_id}.",
                hint="Check the id and the environment.",
            )
        return node

    def update(self, node_id: str, *, status: str, facts: dict[str, JsonValue]) -> Node:
        """Give a node a new status and add facts to those it has; it is made when missing."""

        def changed(stored: Node | None) -> Node:
            known = stored.facts if stored else {}
            return Node(
                id=node_id, status=status, timestamp=datetime.now(UTC), facts={**known, **facts}
            )

        return self.change(node_id, changed)

    def change(self, node_id: str, changed: Callable[[Node | None], Node]) -> Node:
        """Replace a node by what `changed` makes of it; the same node again writes nothing.

        Safe when several writers change one node: `changed` is called again, with the newest
        node, when another writer came first.
        """
        for _ in range(_ATTEMPTS):
            item = self._items.get(node_id, NODE_SK)
            stored = _node(item) if item else None
            node = changed(stored)
            if node is stored:
                return node
            try:
                self._items.put(
                    _item(node), expected={"timestamp": item["timestamp"]} if item else {"PK": None}
                )
            except Conflict:
                continue
            return node
        raise Conflict(
            f"{node_id} is being changed by others all the time.", hint="Try again in a moment."
        )

    def link(self, edge: Edge) -> None:
        """Write an edge, in both directions; the same edge again changes nothing."""
        facts = {"source": edge.source, "relation": edge.relation, "target": edge.target}
        self._items.put_together(
            [
                {"PK": edge.source, "SK": f"OUT#{edge.relation}#{edge.target}", **facts},
                {"PK": edge.target, "SK": f"IN#{edge.relation}#{edge.source}", **facts},
            ]
        )

    def edges(self, node_id: str) -> list[Edge]:
        """Return the edges from and to a node."""
        return [
            Edge.model_validate({name: item[name] for name in Edge.model_fields})
            for direction in ("IN#", "OUT#")
            for item in self._items.query(node_id, sk_prefix=direction)
        ]

    def trace(self, node_id: str, *, depth: int = 8) -> LineageGraph:
        """Return what a node was made from and what came of it, at most `depth` edges away.

        Siblings, such as other models trained on the same dataset, are not part of it.

        Raises
        ------
        NotFound
            Nothing is recorded about the node.
        """
        nodes = {node_id: self.get(node_id)}
        edges: dict[Edge, None] = {}
        for here, there in (("later", "earlier"), ("earlier", "later")):
            frontier = [node_id]
            for _ in range(depth):
                found = [
                    edge
                    for near in frontier
                    for edge in self.edges(near)
                    if getattr(edge, here) == near and edge not in edges
                ]
                edges.update(dict.fromkeys(found))
                frontier = self._collect(nodes, [getattr(edge, there) for edge in found])
        return LineageGraph(start=node_id, nodes=tuple(nodes.values()), edges=tuple(edges))

    def _collect(self, nodes: dict[str, Node], ids: list[str]) -> list[str]:
        """Read the nodes that are not among `nodes` yet into it; return those that exist."""
        new = []
        for node_id in ids:
            node = None if node_id in nodes else self.find(node_id)
            if node is not None:
                nodes[node_id] = node
                new.append(node_id)
        return new

    def with_status(self, status: str, *, limit: int = 100) -> Iterator[Node]:
        """Yield the nodes of one status, the newest first."""
        found = self._items.query_index(STATUS_INDEX, partition=("status", status))
        yield from map(_node, islice(found, limit))


def record_dataset(graph: Lineage, record: DatasetRecord) -> None:
    """Write a dataset version's node; the same version again changes nothing.

    A run that was faster has made the node already: its facts stay.
    """
    node_id = lineage.dataset_node(record.dataset, record.version)
    counts: dict[str, Any] = {split: sum(c.values()) for split, c in record.counts.items()}
    facts: dict[str, JsonValue] = {
        "dataset": record.dataset,
        "version": record.version,
        "source": record.source,
        "images": record.images,
        "refused": record.refused,
        "seed": record.seed,
        **counts,
    }

    def recorded(stored: Node | None) -> Node:
        if stored and "images" in stored.facts:
            return stored
        known = stored.facts if stored else {}
        return Node(
            id=node_id, status="imported", timestamp=record.created, facts={**known, **facts}
        )

    graph.change(node_id, recorded)


def _item(node: Node) -> Item:
    return {
        "PK": node.id,
        "SK": NODE_SK,
        "status": node.status,
        "timestamp": node.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        "facts": node.facts,
    }


def _node(item: Item) -> Node:
    return Node(
        id=item["PK"],
        status=item["status"],
        timestamp=item["timestamp"],
        facts=item.get("facts", {}),
    )
