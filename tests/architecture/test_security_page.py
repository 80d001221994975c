"""docs/security.md names files and tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CONTROLS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Controls")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and "`" in line
]


def test_there_are_controls() -> None:
    assert len(CONTROLS) >= 30


@pytest.mark.parametrize(("_control", "where", "test"), CONTROLS)
def test_a_control_is_where_the_page_says_and_its_test_exists(
    _control: str, where: str, test: str
) -> None:
    for path in re.findall(r"`([^`]+)`", where):
        assert (ROOT / path).exists()
    for named in re.findall(r"`([^`]+)`", test):
        path, _, function = named.partition("::")
        wanted = f"def {function}(" if function else "def test_"
        assert wanted in (ROOT / path).read_text(encoding="utf-8")
