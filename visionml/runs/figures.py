"""Key figures, stored in the notebook that found them.

A notebook calls ``record("holdout_accuracy", 0.981)``; the figure travels in the cell's output
under its own media type, as papermill's users know it from scrapbook, and ends in
``summary.json`` as ``results.holdout_accuracy``.
"""

from typing import TYPE_CHECKING, Any

from IPython.display import display
from pydantic import JsonValue

if TYPE_CHECKING:
    from nbformat import NotebookNode

MEDIA_TYPE = "application/vnd.visionml.figure+json"


def record(name: str, value: JsonValue) -> None:
    """Store a figure in the notebook that runs, and show it."""
    bundle = {MEDIA_TYPE: {"name": name, "value": value}, "text/plain": f"{name} = {value}"}
    display(bundle, raw=True)  # type: ignore[no-untyped-call]


def recorded(notebook: "NotebookNode") -> dict[str, JsonValue]:
    """Return the figures that an executed notebook holds; a later one replaces an earlier."""
    figures: dict[str, JsonValue] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data: dict[str, Any] = output.get("data", {})
            if MEDIA_TYPE in data:
                figure = data[MEDIA_TYPE]
                figures[figure["name"]] = figure["value"]
    return figures
