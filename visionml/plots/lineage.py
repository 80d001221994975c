"""The lineage as a drawing: images and datasets on the left, what came of them to the right."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from visionml.contracts.lineage import Node
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, RED, SKY, Picture, figure, styled
from visionml.registry.lineage import LineageGraph

_LAYERS = {"IMAGE": RED, "DATASET": GREEN, "RUN": ORANGE, "MODEL": BLUE, "DEPLOYMENT": SKY}
_WIDTH, _HEIGHT = 0.8, 0.62
_MOST_LETTERS = 26


@styled
def graph(found: LineageGraph) -> Picture:
    """Draw the nodes in layers by kind, and an arrow from each to what was made from it."""
    layers = {kind: _of_kind(found, kind) for kind in _LAYERS}
    present = {kind: nodes for kind, nodes in layers.items() if nodes}
    rows = max(len(nodes) for nodes in present.values())
    made, (axes,) = figure(width=2.3 * len(present), height=0.7 + 0.85 * rows)
    places: dict[str, tuple[float, float]] = {}
    for column, (kind, nodes) in enumerate(present.items()):
        axes.text(column, 0.55, kind.lower(), ha="center", color=GREY, fontweight="bold")
        for row, node in enumerate(nodes):
            places[node.id] = (column, -row - (rows - len(nodes)) / 2)
            _box(axes, node, places[node.id], colour=_LAYERS[kind], start=node.id == found.start)
    for edge in found.edges:
        if edge.earlier in places and edge.later in places:
            _arrow(axes, places[edge.earlier], places[edge.later])
    axes.set_xlim(-0.5, len(present) - 0.5)
    axes.set_ylim(-rows + 0.45, 0.8)
    axes.set_axis_off()
    counts = ", ".join(f"{len(nodes)} {kind.lower()}" for kind, nodes in present.items())
    return Picture(made, f"The lineage of {_name(found.start)}: {counts}.")


def _of_kind(found: LineageGraph, kind: str) -> list[Node]:
    of_kind = [node for node in found.nodes if node.id.startswith(f"{kind}#")]
    return sorted(of_kind, key=lambda node: node.timestamp)


def _box(axes: Axes, node: Node, place: tuple[float, float], *, colour: str, start: bool) -> None:
    left, bottom = place[0] - _WIDTH / 2, place[1] - _HEIGHT / 2
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom),
            _WIDTH,
            _HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=f"{colour}22",
            edgecolor=colour,
            linewidth=2.4 if start else 1.1,
        )
    )
    text = f"{_name(node.id)}\n{node.status.replace('_', ' ')} {node.timestamp:%d %b %H:%M}"
    axes.text(*place, text, ha="center", va="center", fontsize=7.5, linespacing=1.5)


def _arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(
            (begin[0] + _WIDTH / 2, begin[1]),
            (end[0] - _WIDTH / 2, end[1]),
            arrowstyle="-|>",
            mutation_scale=10,
            color=GREY,
            shrinkA=1,
            shrinkB=1,
        )
    )


def _name(node_id: str) -> str:
    name = node_id.partition("#")[2]
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
