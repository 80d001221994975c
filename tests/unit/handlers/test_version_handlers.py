"""The watcher of active-version and the cleaner, on golden events and in-memory platforms."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.machine import MemoryMachine
from tests.unit.handlers.conftest import ColdStart
from tests.unit.promotion.test_rollback import FIRST, PROMOTED_TWICE, SECOND, THIRD, Story
from visionml.aws.hosting import Hosted
from visionml.contracts.lineage import model_node

SET = events.load("active_version_watcher.set")
ENDED = events.load("active_version_watcher.ended")
DAILY = events.load("deployment_cleaner")
DEPLOYMENT = ENDED["detail"]["name"]


class Unclaimed:
    """An endpoint that no deployment has."""

    holder: str | None = None

    def bars_rollback(self, _running: object) -> str | None:
        return self.holder


class Endpoints:
    """Stands for ``visionml.aws.endpoint``, with what a story says that serves."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def find(self, _client: object, _name: str) -> Any:
        return self._story.now.endpoint

    describe = find

    def artefacts(self, _client: object, _config: str) -> dict[str, str]:
        version = self._story.now.version
        return {"ModelA": self._story.versions.read(version).artefact} if version else {}

    def model_names(self, _client: object, config: str) -> dict[str, str]:
        return {"ModelA": config}


class Platform:
    """A watcher over a story in which SECOND serves, and FIRST served before."""

    def __init__(self, cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> None:
        self.story = Story(*PROMOTED_TWICE)
        self.story.versions.activate(SECOND)
        self.machine, self.claims = MemoryMachine(), Unclaimed()
        self.told: list[dict[str, str]] = []
        self.module = cold_start(
            "active_version_watcher",
            endpoint=Endpoints(self.story),
            lineage=self.story.lineage,
            claims=self.claims,
            versions=self.story.versions,
            objects=self.story.objects,
        )
        monkeypatch.setattr(self.module.topics, "announce", self._announce)
        monkeypatch.setitem(vars(self.module.aws), "states", self.machine.client)

    def _announce(self, _sns: object, _topic: str, **told: str) -> None:
        self.told.append(told)


@pytest.fixture
def watching(cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> Platform:
    return Platform(cold_start, monkeypatch)


def test_an_earlier_version_set_by_hand_starts_one_rollback_however_often_it_is_told(
    watching: Platform, context: LambdaContext
) -> None:
    watching.story.versions.activate(FIRST)
    first, second = (watching.module.handler(SET, context) for _ in range(2))
    assert first == second
    (request,) = watching.machine.requests()
    assert (request["model_version"], request["kind"]) == (FIRST, "rollback")
    assert watching.story.versions.active() == FIRST
    assert watching.told == []


def test_our_own_writes_start_nothing(watching: Platform, context: LambdaContext) -> None:
    assert watching.module.handler(SET, context)["action"] == "keep"
    assert watching.machine.requests() == []
    assert watching.told == []


@pytest.mark.parametrize("wanted", ["garbage", THIRD])
def test_what_is_no_version_is_put_back_and_told(
    watching: Platform, context: LambdaContext, wanted: str
) -> None:
    watching.story.versions.activate(wanted)
    watching.module.handler(SET, context)
    assert watching.story.versions.active() == SECOND
    assert watching.machine.requests() == []
    (told,) = watching.told
    assert wanted in told["message"]
    assert SECOND in told["subject"]


def test_a_rollback_that_was_refused_is_put_back_with_its_reason(
    watching: Platform, context: LambdaContext
) -> None:
    watching.story.versions.activate(FIRST)
    node = f"DEPLOYMENT#{DEPLOYMENT}"
    watching.story.lineage.update(node, status="unchanged", facts={"reason": "It is Rejected."})
    watching.module.handler(ENDED, context)
    assert watching.story.versions.active() == SECOND
    (told,) = watching.told
    assert f"{DEPLOYMENT} ended as unchanged: It is Rejected." in told["message"]


def test_before_the_first_promotion_what_was_set_is_deleted(
    watching: Platform, context: LambdaContext
) -> None:
    watching.story.now = Story().now
    watching.story.versions.activate(THIRD)
    watching.module.handler(SET, context)
    assert watching.story.versions.active() is None
    assert "No registered version serves" in watching.told[0]["message"]


class Memory:
    """Models and configurations in memory."""

    def __init__(self, hosted: list[Hosted]) -> None:
        self.hosted = hosted

    def starting(self, prefix: str) -> list[Hosted]:
        return [each for each in self.hosted if each.name.startswith(prefix)]

    def endpoint(self, _name: str) -> None:
        return None

    def delete(self, hosted: Hosted) -> None:
        self.hosted = [each for each in self.hosted if each != hosted]


@pytest.fixture
def cleaning(cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Story]:
    """A cleaner over FIRST, SECOND and THIRD, promoted one after the other a year ago."""
    story = Story()
    long_ago = datetime.now(UTC) - timedelta(days=365)
    hosted = []
    for day, version in enumerate((FIRST, SECOND, THIRD)):
        moment = long_ago + timedelta(days=day)
        deployment = story.add(version, "promotion", "promoted", moment=moment)
        hosted.append(Hosted("model", f"ml-pipeline-local-{deployment}", moment))
    module = cold_start(
        "deployment_cleaner",
        endpoint=Endpoints(story),
        hosting=Memory(hosted),
        lineage=story.lineage,
        versions=story.versions,
        objects=story.objects,
    )
    monkeypatch.setitem(vars(module.aws), "states", MemoryMachine().client)
    return module, story


def test_a_version_that_was_retired_long_ago_is_cleaned_once(
    cleaning: tuple[ModuleType, Story], context: LambdaContext
) -> None:
    module, story = cleaning
    artefact = story.versions.read(FIRST).artefact
    first, second = (module.handler(DAILY, context) for _ in range(2))
    assert (first["versions"], len(first["hosted"])) == ([FIRST], 1)
    assert second == {"hosted": [], "versions": []}
    assert not story.objects.exists(artefact)
    assert story.versions.read(FIRST).expired
    assert story.lineage.get(model_node(FIRST)).status == "expired"
    assert len(module.hosting.hosted) == 2
    assert {story.versions.read(version).expired for version in (SECOND, THIRD)} == {None}


def test_a_dry_run_only_names_what_is_due(
    cleaning: tuple[ModuleType, Story], context: LambdaContext
) -> None:
    module, story = cleaning
    answer = module.handler({"dry_run": True}, context)
    assert answer["versions"] == [FIRST]
    assert story.versions.read(FIRST).expired is None
    assert len(module.hosting.hosted) == 3
