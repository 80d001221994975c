"""The rules for committed notebooks: ``python -m visionml.runs.check notebooks``.

A notebook is prose with a few short cells. It holds no outputs, no definitions and no state that
another notebook would need, and its parameters are explained literals.
"""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from visionml.errors import VisionmlError
from visionml.runs.source import load, notebooks, parameters_cells

MAXIMUM_LINES = 20
MEDIAN_LINES = 4
PROSE_SHARE = 0.5
"""Of a notebook's characters; the habit is two thirds."""
_PARAMETER = re.compile(r"^\w+: [\w\[\], |]+ = .+  # .+$")


def faults(path: Path) -> Iterator[str]:
    """Yield a sentence for every rule that a notebook breaks."""
    node = load(path)
    code = [cell for cell in node.cells if cell.cell_type == "code" and cell.source.strip()]
    yield from _form(node)
    yield from _story(node)
    for cell in code:
        yield from _cell(cell)
    lengths = [_lines(cell) for cell in code if cell not in parameters_cells(node)]
    if lengths and statistics.median(lengths) > MEDIAN_LINES:
        yield f"the median of its code cells has more than {MEDIAN_LINES} lines"


def _form(node: NotebookNode) -> Iterator[str]:
    try:
        nbformat.validate(node)
    except nbformat.ValidationError as error:
        yield f"it is not a valid notebook: {error}"
    if (node.nbformat, node.nbformat_minor) != (4, 5):
        yield "its format is not 4.5"
    if node.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not named python3"
    if set(node.metadata) - {"kernelspec", "language_info"}:
        yield "its metadata holds more than the kernel and the language"


def _story(node: NotebookNode) -> Iterator[str]:
    prose = [cell for cell in node.cells if cell.cell_type == "markdown"]
    headings = [line for cell in prose for line in cell.source.splitlines() if line[:2] == "# "]
    if len(headings) != 1 or not node.cells[0].source.startswith("# "):
        yield "it does not begin with its one title"
    written = sum(len(cell.source) for cell in prose)
    if written < PROSE_SHARE * sum(len(cell.source) for cell in node.cells):
        yield f"less than {PROSE_SHARE:.0%} of it is prose"
    if len(parameters_cells(node)) != 1:
        yield "it does not have one cell tagged parameters"
    for cell in parameters_cells(node):
        for line in cell.source.splitlines():
            if not _PARAMETER.match(line):
                yield f"the parameter {line!r} lacks its type or its comment"


def _cell(cell: NotebookNode) -> Iterator[str]:
    first = cell.source.splitlines()[0]
    if cell.get("outputs") or cell.get("execution_count") is not None:
        yield f"the cell {first!r} holds outputs"
    if _lines(cell) > MAXIMUM_LINES:
        yield f"the cell {first!r} has more than {MAXIMUM_LINES} lines"
    if re.search(r"^\s*[%!]", cell.source, re.MULTILINE):
        yield f"the cell {first!r} uses a magic or a shell command"
        return
    try:
        statements = ast.walk(ast.parse(cell.source))
    except SyntaxError as error:
        yield f"the cell {first!r} is no Python: {error.msg}"
        return
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"the cell {first!r} defines {statement.name}: put it into the package"


def _lines(cell: NotebookNode) -> int:
    return len([line for line in cell.source.splitlines() if line.strip()])


def main(arguments: list[str]) -> int:
    """Check the notebooks of a folder and return the exit code."""
    folder = Path(arguments[0]) if arguments else Path("notebooks")
    try:
        found = {source.path: list(faults(source.path)) for source in notebooks(folder)}
    except VisionmlError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for path, sentences in found.items():
        for sentence in sentences:
            sys.stderr.write(f"{path}: {sentence}\n")
    if not any(found.values()):
        sys.stdout.write(f"{len(found)} notebooks keep the rules.\n")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
