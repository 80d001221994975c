"""The committed notebooks keep the rules, and the rules notice what breaks them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from visionml.runs import check, source

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_keeps_the_rules(path: Path) -> None:
    assert list(check.faults(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_can_be_run_against_any_environment(path: Path) -> None:
    assert source.read(path).parameters["environment"] == "local"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_lead_somewhere(path: Path) -> None:
    prose = "\n".join(
        cell.source for cell in source.load(path).cells if cell.cell_type == "markdown"
    )
    for name in [part.split(")")[0] for part in prose.split("](")[1:]]:
        assert (FOLDER / name).exists(), name


def good() -> NotebookNode:
    new: Any = nbformat.v4
    story = "# A title\n\n" + "A story that is long enough. " * 9
    parameters = new.new_code_cell('environment: str = "local"  # where', id="1")
    parameters.metadata["tags"] = ["parameters"]
    cells = [new.new_markdown_cell(story, id="0"), parameters, new.new_code_cell("1 + 1", id="2")]
    node: NotebookNode = new.new_notebook(cells=cells, nbformat_minor=5)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "P", "language": "python"}
    return node


def code(text: str) -> Callable[[NotebookNode], None]:
    def change(node: NotebookNode) -> None:
        node.cells[2].source = text

    return change


def parameters(text: str) -> Callable[[NotebookNode], None]:
    def change(node: NotebookNode) -> None:
        node.cells[1].source = text

    return change


def second_title(node: NotebookNode) -> None:
    node.cells[0].source += "\n\n# Another title"


def outputs(node: NotebookNode) -> None:
    node.cells[2].outputs = [nbformat.v4.new_output("stream", text="2")]  # type: ignore[no-untyped-call]


def count(node: NotebookNode) -> None:
    node.cells[2].execution_count = 3


def no_parameters(node: NotebookNode) -> None:
    node.cells[1].metadata = {}


def kernel(node: NotebookNode) -> None:
    node.metadata["kernelspec"]["name"] = "my-kernel"


def metadata(node: NotebookNode) -> None:
    node.metadata["papermill"] = {}


def old(node: NotebookNode) -> None:
    node.nbformat_minor = 4
    for cell in node.cells:
        del cell["id"]


def faults_of(node: NotebookNode, folder: Path) -> list[str]:
    path = folder / "00_made.ipynb"
    nbformat.write(node, path)  # type: ignore[no-untyped-call]
    return list(check.faults(path))


def test_a_good_notebook_has_no_faults(tmp_path: Path) -> None:
    assert faults_of(good(), tmp_path) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (outputs, "holds outputs"),
        (count, "holds outputs"),
        (second_title, "one title"),
        (no_parameters, "one cell tagged parameters"),
        (kernel, "kernel is not named python3"),
        (metadata, "metadata holds more"),
        (old, "format is not 4.5"),
        (parameters("environment = 'local'"), "lacks its type or its comment"),
        (parameters("environment: str = 'local'"), "lacks its type or its comment"),
        (code("def f():\n    return 1"), "defines f"),
        (code("class C:\n    pass"), "defines C"),
        (code("%store x"), "magic"),
        (code("!ls"), "magic"),
        (code("This is prose."), "is no Python"),
        (code("\n".join(f"x{i} = {i}" for i in range(21))), "more than 20 lines"),
        (code("\n".join(f"x{i} = {i}" for i in range(5))), "median"),
        (code("x = " + " + ".join(["1"] * 200)), "of it is prose"),
    ],
)
def test_a_broken_rule_is_named(
    change: Callable[[NotebookNode], None], fault: str, tmp_path: Path
) -> None:
    node = good()
    change(node)
    assert any(fault in each for each in faults_of(node, tmp_path)), faults_of(node, tmp_path)


def test_the_command_names_file_and_rule_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = good()
    outputs(node)
    nbformat.write(node, tmp_path / "00_made.ipynb")  # type: ignore[no-untyped-call]
    assert check.main([str(tmp_path)]) == 1
    assert "00_made.ipynb: the cell '1 + 1' holds outputs" in capsys.readouterr().err


def test_the_command_says_when_there_are_no_notebooks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(tmp_path)]) == 3
    assert "no notebooks" in capsys.readouterr().err
