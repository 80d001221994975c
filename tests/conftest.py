"""How the suite is spread over processes: tests that share something costly stay together."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent
_TOGETHER = ("functional", "infra")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests on one embedded AWS, and those on one synthesised app, for pytest-xdist."""
    for item in items:
        kind = item.path.relative_to(_FOLDER).parts[0]
        if kind in _TOGETHER:
            item.add_marker(pytest.mark.xdist_group(kind))
