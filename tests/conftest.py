"""How the suite is spread over processes: tests that share something costly stay together."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent
_TOGETHER = ("functional/sagemaker", "functional", "infra")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests on one platform, and those on one synthesised app, for pytest-xdist."""
    for item in items:
        path = item.path.relative_to(_FOLDER).as_posix()
        kind = next((kind for kind in _TOGETHER if path.startswith(f"{kind}/")), None)
        if kind:
            item.add_marker(pytest.mark.xdist_group(kind))
