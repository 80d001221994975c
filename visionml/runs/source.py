"""The notebooks as they are committed: which there are, their titles and their parameters."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from pydantic import JsonValue

from visionml.errors import InvalidInput, NotFound

PARAMETERS_TAG = "parameters"


@dataclass(frozen=True)
class Notebook:
    """One notebook before it runs."""

    path: Path
    title: str
    parameters: dict[str, JsonValue]
    """Names and defaults, from the cell tagged ``parameters``."""

    @property
    def name(self) -> str:
        """The file's name without its ending, such as ``04_training``."""
        return self.path.stem


def notebooks(folder: Path) -> list[Notebook]:
    """Return the notebooks of a folder whose names start with a number, in order.

    Raises
    ------
    NotFound
        There are none.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise NotFound(
            f"There are no notebooks in {folder.resolve()}.",
            hint="Run this in the project's folder, the one with the Makefile.",
        )
    return [read(path) for path in paths]


def read(path: Path) -> Notebook:
    """Return one notebook's title and parameters.

    Raises
    ------
    InvalidInput
        The file is not a notebook, or its parameters are not literals.
    """
    node = load(path)
    titles = [
        cell.source.splitlines()[0].removeprefix("# ").strip()
        for cell in node.cells
        if cell.cell_type == "markdown" and cell.source.startswith("# ")
    ]
    return Notebook(path, titles[0] if titles else path.stem, _parameters(node, path))


def load(path: Path) -> NotebookNode:
    """Read a notebook file."""
    try:
        node: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise InvalidInput(f"{path} is not a readable notebook: {error}.") from error
    return node


def parameters_cells(node: NotebookNode) -> list[NotebookNode]:
    """Return the cells tagged ``parameters``; a good notebook has one."""
    return [cell for cell in node.cells if PARAMETERS_TAG in cell.metadata.get("tags", [])]


def _parameters(node: NotebookNode, path: Path) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for cell in parameters_cells(node):
        try:
            for statement in ast.parse(cell.source).body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    found[statement.target.id] = ast.literal_eval(
                        statement.value or ast.Constant(None)
                    )
        except (SyntaxError, ValueError) as error:
            raise InvalidInput(f"The parameters of {path} are not literals: {error}.") from error
    return found


def chosen(
    sources: Sequence[Notebook], given: dict[str, JsonValue]
) -> dict[str, dict[str, JsonValue]]:
    """Return which of the given parameters each notebook gets, by its name.

    A notebook gets those that it declares; papermill would only warn of the others.

    Raises
    ------
    InvalidInput
        No notebook declares one of them, or the value's type is not that of the default.
    """
    known = {name for source in sources for name in source.parameters}
    unknown = sorted(set(given) - known)
    if unknown:
        raise InvalidInput(
            f"No notebook has a parameter named {', '.join(map(repr, unknown))}.",
            hint=f"The parameters are: {', '.join(sorted(known))}.",
        )
    for source in sources:
        for name in source.parameters.keys() & given.keys():
            _check_type(name, given[name], source)
    return {
        source.name: {name: given[name] for name in source.parameters if name in given}
        for source in sources
    }


def _check_type(name: str, value: JsonValue, source: Notebook) -> None:
    default = source.parameters[name]
    expected, found = type(default), type(value)
    if default is None or found is expected or (expected is float and found is int):
        return
    raise InvalidInput(
        f"The parameter {name} of {source.name} takes a value of the type {expected.__name__}, "
        f"such as {default!r}, not {value!r}."
    )
