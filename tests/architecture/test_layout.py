"""Rules about the source code that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "visionml"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "infra").rglob("*.py")])
LONGEST_MODULE = 500

# Where the process's environment is read, or written for a process that is started there.
EDGES = {
    "visionml/contracts/container.py",
    "visionml/contracts/environment.py",
    "visionml/serving/settings.py",
    "visionml/serving/process.py",
    "visionml/cdk/node.py",
    "visionml/desks/cdk_cli.py",
    "visionml/desks/studio.py",
    "visionml/local/containers.py",
    "visionml/local/control.py",
    "visionml/local/server.py",
    "infra/app.py",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=relative)
def test_a_rooms_init_is_its_docstring(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_the_environment_is_read_at_the_edges_only() -> None:
    readers = {
        relative(path)
        for path in SOURCES
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text())
    }
    assert readers <= EDGES


def test_the_readme_lists_every_room() -> None:
    table = set(
        re.findall(r"^\| `(visionml/[\w./]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    rooms = {relative(path.parent) for path in PACKAGE.glob("*/__init__.py")}
    modules = {relative(path) for path in PACKAGE.glob("*.py")} - {"visionml/__init__.py"}
    assert table == rooms | modules


def test_nothing_committed_names_this_machine_or_an_unfinished_end() -> None:
    foreign = [
        str(ROOT),
        str(Path.home()),
        "TO" + "DO",
        "FIX" + "ME",
        "XX" + "X",
    ]
    found = []
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".ico"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{relative(path)}: {word}" for word in foreign if re.search(_word(word), text)]
    assert found == []


def _word(text: str) -> str:
    return re.escape(text) + r"(?![\w-])" if "/" in text else rf"\b{re.escape(text)}\b"


def test_one_folder_alone_names_ministacks_inside() -> None:
    users = {
        relative(path)
        for path in SOURCES
        if re.search(r"^\s*(from|import) ministack", path.read_text(), re.MULTILINE)
    }
    assert users
    assert {Path(user).parent.as_posix() for user in users} == {"visionml/local/internals"}
