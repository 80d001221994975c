"""What README.md and the other documents promise exists."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from visionml.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code(path: Path) -> str:
    """Return the code in a document: blocks and what stands between backticks."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```\w*\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_make_target_in_a_document_exists(path: Path) -> None:
    used = set(re.findall(r"\bmake ([a-z-]+)", code(path)))
    assert used - TARGETS == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_command_in_a_document_exists(path: Path) -> None:
    root = get_command(app)
    for line in re.findall(r"^(?:.*/)?visionml ((?:[a-z]+ ?)+)", code(path), re.MULTILINE):
        first, *rest = line.split()
        command = root.commands.get(first)  # type: ignore[attr-defined]
        assert command is not None, first
        if rest and hasattr(command, "commands"):
            assert rest[0] in command.commands


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_in_a_document_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_tours_every_notebook() -> None:
    toured = re.findall(r"\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text())
    assert toured == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_the_help_lists_every_target_that_a_person_calls() -> None:
    declared = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert declared == TARGETS
