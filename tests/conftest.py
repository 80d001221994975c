"""How the suite is spread over processes: tests that share something costly stay together."""

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import Producer

settings.load_profile("ci")  # no deadlines, and the same examples each time, on any machine

_ROOT = Path(__file__).parents[1]
_PLATFORM, _SAGEMAKER, _SERVICES, _APP = "platform", "sagemaker", "services", "app"
_ORDER = (_PLATFORM, _SAGEMAKER, _SERVICES, _APP)
"""What is shared, that which takes longest first: one deployed platform with its embedded AWS; two
more embedded ones, for SageMaker and for other services; the synthesised app."""
_ASKS_FOR_PLATFORM = re.compile(
    r"\b(platform|another|trained|promoted): |usefixtures\(\"(platform|trained|promoted)\""
)


def group(nodeid: str) -> str:
    """Return what a test shares with others; its own name where it is nothing."""
    if nodeid.startswith("tests/infra/"):
        return _APP
    if nodeid.startswith("tests/functional/sagemaker/"):
        return _SAGEMAKER
    if nodeid.startswith("tests/functional/"):
        return _PLATFORM if _asks_for_platform(nodeid.partition("::")[0]) else _SERVICES
    return nodeid


@cache
def _asks_for_platform(file: str) -> bool:
    return bool(_ASKS_FOR_PLATFORM.search((_ROOT / file).read_text(encoding="utf-8")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those that take long come first."""
    places = {name: place for place, name in enumerate(_ORDER)}
    items.sort(key=lambda item: places.get(group(item.nodeid), len(places)))


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Sends the tests of a group to one worker, in their order, and the others one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherScheduling:
    """Spread tests over pytest-xdist's workers, in the order in which they were collected."""
    config.option.loadscopereorder = False
    return TogetherScheduling(config, log)
