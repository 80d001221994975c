"""How the suite is spread over processes: tests that share something costly stay together."""

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import Producer

settings.load_profile("ci")  # no deadlines, and the same examples each time, on any machine

_TOGETHER = ("tests/functional/sagemaker/", "tests/functional/", "tests/infra/")
"""Tests on one embedded AWS of their own, on one platform, and on one synthesised app."""


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Sends the tests of a folder to one worker, in their order, and the others one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherScheduling:
    """Spread tests over pytest-xdist's workers, the largest folders first."""
    return TogetherScheduling(config, log)
