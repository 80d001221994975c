"""The deployment machine's handlers, on golden events and in-memory platforms."""

from types import ModuleType

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from tests.unit.promotion.test_plan import SERVING, Registered
from visionml.errors import NotFound
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

REQUEST = events.load("deployment_planner")
ENDED = events.load("deployment_recorder.ended")


@pytest.fixture
def planner(cold_start: ColdStart) -> ModuleType:
    """Start a planner that knows one version, which may be deployed."""
    registered = Registered()
    versions = Versions(MemoryParameters(), "ml-pipeline")
    versions.write(registered.version)
    return cold_start(
        "deployment_planner",
        versions=versions,
        packages=registered.packages,
        objects=registered.objects,
        describe=lambda _client, _name: SERVING,
    )


def test_the_planner_names_what_is_to_be_created(
    planner: ModuleType, context: LambdaContext
) -> None:
    plan = planner.handler(REQUEST, context)
    assert plan["endpoint_config_name"] == "ml-pipeline-local-dep-20261120-103000-c3d4"
    assert plan["instance_type"] == "ml.m5.large"
    assert set(plan) == set(ENDED["plan"])


def test_the_planner_refuses_a_version_that_is_not_registered(
    planner: ModuleType, context: LambdaContext
) -> None:
    unknown = {**REQUEST, "model_version": "run-20200101-000000-0000"}
    with pytest.raises(NotFound, match="run-20200101-000000-0000 is not registered"):
        planner.handler(unknown, context)


def test_the_planner_refuses_a_version_whose_model_is_gone(
    planner: ModuleType, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "objects", MemoryObjects())
    with pytest.raises(NotFound, match=r"model\.tar\.gz"):
        planner.handler(REQUEST, context)


@pytest.mark.parametrize(
    ("event", "config", "outcome"),
    [
        ("deployment_recorder.ended", ENDED["plan"]["endpoint_config_name"], "promoted"),
        ("deployment_recorder.ended", ENDED["plan"]["previous_config_name"], "rolled_back"),
        ("deployment_recorder.failed", ENDED["plan"]["previous_config_name"], "unchanged"),
    ],
)
def test_the_recorder_answers_what_serves(
    cold_start: ColdStart, context: LambdaContext, event: str, config: str, outcome: str
) -> None:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    module = cold_start(
        "deployment_recorder",
        versions=versions,
        lineage=Lineage(MemoryTable()),
        find=lambda _client, name: type(SERVING)(name, "InService", config, (), ""),
    )
    answer = module.handler(events.load(event), context)
    assert answer["outcome"] == outcome
    assert answer["active_version"] == versions.active()
    assert (versions.active() == REQUEST["model_version"]) is (outcome == "promoted")
