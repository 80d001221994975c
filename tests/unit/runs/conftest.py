"""Small notebooks, made for the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes ``tmp_path/notebooks/NAME.ipynb`` of code cells."""
    return _writer(tmp_path)


@pytest.fixture(scope="session")
def write_in() -> Callable[[Path], Write]:
    """Return `write` for any folder."""
    return _writer


def _writer(folder: Path) -> Write:
    def write_notebook(
        name: str, *code: str, parameters: str = 'environment: str = "local"  # where'
    ) -> Path:
        new: Any = nbformat.v4
        cells = [
            new.new_markdown_cell(f"# About {name}\n\nA long enough story."),
            new.new_code_cell(parameters),
        ]
        cells[1].metadata["tags"] = ["parameters"]
        cells += [new.new_code_cell(source) for source in code]
        node = new.new_notebook(cells=cells)
        node.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        path = folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(node, path)  # type: ignore[no-untyped-call]
        return path

    return write_notebook
