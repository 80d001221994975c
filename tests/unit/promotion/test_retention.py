"""Past deployments go when they are old enough, and never while anybody may need them."""

from datetime import datetime, timedelta

import pytest

from tests.unit.promotion.test_rollback import FIRST, MOMENT, SECOND, THIRD, Story
from visionml.aws.hosting import Hosted, Kind
from visionml.contracts.deployment import DeploymentRequest
from visionml.promotion import retention
from visionml.promotion.retention import Past, Removal

DAY = timedelta(days=1)
PREFIX = "ml-pipeline-local-"


class Made:
    """Deployments on days counted from the first, with what each left in SageMaker."""

    def __init__(self) -> None:
        self.story = Story()
        self.hosted: list[Hosted] = []

    def deploy(self, version: str, day: int, outcome: str = "promoted") -> str:
        moment = MOMENT + day * DAY
        deployment = self.story.add(version, "promotion", outcome, moment=moment)
        self.leave("model", f"{PREFIX}{deployment}", moment)
        self.leave("endpoint configuration", f"{PREFIX}{deployment}", moment)
        return deployment

    def leave(self, kind: Kind, name: str, moment: datetime) -> None:
        self.hosted.append(Hosted(kind, name, moment))

    def due(
        self,
        day: int,
        *,
        days: int = 90,
        running: tuple[DeploymentRequest, ...] = (),
        batch: int = 9,
    ) -> Removal:
        past = Past(list(self.story.lineage.with_status("promoted")))
        config = self.story.now.endpoint.config_name
        return retention.due(
            self.hosted,
            past=past,
            in_use=retention.used(past, self.story.now, models=[config], running=running),
            restorable=lambda version: self.story.versions.find(version) is not None,
            now=MOMENT + day * DAY,
            models_days=days,
            batch=batch,
        )


@pytest.fixture
def made() -> Made:
    """Three versions, promoted on the days 0, 10 and 20."""
    made = Made()
    for day, version in ((0, FIRST), (10, SECOND), (20, THIRD)):
        made.deploy(version, day)
    return made


def names(removal: Removal) -> list[str]:
    return [each.name for each in removal.hosted]


def test_nothing_goes_before_the_retention_has_passed_since_it_was_replaced(made: Made) -> None:
    assert made.due(100) == Removal((), ())


def test_a_deployment_goes_with_its_version_counted_from_the_day_it_was_replaced(
    made: Made,
) -> None:
    removal = made.due(101)
    deployment = f"{PREFIX}dep-{MOMENT:%Y%m%d-%H%M%S}-c3d4"
    assert names(removal) == [deployment, deployment]
    assert [each.kind for each in removal.hosted] == ["endpoint configuration", "model"]
    assert removal.versions == (FIRST,)


def test_what_serves_and_the_version_before_stay_for_ever(made: Made) -> None:
    removal = made.due(10_000)
    assert removal.versions == (FIRST,)
    assert len(removal.hosted) == 2


def test_a_version_that_came_back_counts_from_its_last_day(made: Made) -> None:
    made.deploy(FIRST, 30)
    made.deploy(SECOND, 40)
    assert made.due(119).versions == ()
    assert made.due(121).versions == (THIRD,)
    assert made.due(10_000).versions == (THIRD,)


def test_a_rollout_that_was_taken_back_goes_by_its_own_age(made: Made) -> None:
    taken_back = made.deploy("run-20261201-101500-a1b2", 25, "rolled_back")
    assert f"{PREFIX}{taken_back}" not in names(made.due(110))
    assert f"{PREFIX}{taken_back}" in names(made.due(116))


def test_what_a_running_deployment_uses_stays(made: Made) -> None:
    first = f"dep-{MOMENT:%Y%m%d-%H%M%S}-c3d4"
    request = DeploymentRequest(model_version=FIRST, deployment_id=first)
    assert made.due(10_000, running=(request,)) == Removal((), ())


def test_staging_leftovers_go_after_a_day_unless_something_runs(made: Made) -> None:
    moment = MOMENT + 50 * DAY
    staging = f"{PREFIX}dep-20270114-103020-aaaa-staging"
    made.leave("endpoint", "ml-pipeline-staging", moment)
    made.leave("endpoint configuration", staging, moment)
    other = DeploymentRequest(model_version=FIRST, deployment_id="dep-20270114-103020-bbbb")
    assert names(made.due(51)) == []
    assert names(made.due(52)) == ["ml-pipeline-staging", staging]
    assert names(made.due(52, running=(other,))) == [staging]


def test_no_more_than_a_batch_goes_at_once_the_oldest_first(made: Made) -> None:
    removal = made.due(10_000, batch=1)
    assert [each.kind for each in removal.hosted] == ["endpoint configuration"]


def test_what_was_cleaned_already_is_not_named_again(made: Made) -> None:
    past = Past(list(made.story.lineage.with_status("promoted")))
    removal = retention.due(
        [],
        past=past,
        in_use=retention.used(past, made.story.now, models=[], running=[]),
        restorable=lambda _version: False,
        now=MOMENT + 10_000 * DAY,
        models_days=1,
    )
    assert removal == Removal((), ())


def test_an_endpoint_put_back_by_hand_keeps_what_it_runs(made: Made) -> None:
    serving = made.story.now.endpoint.config_name
    made.story.now = made.story.now.__class__(
        endpoint=made.story.now.endpoint, version=FIRST, deployment_id=None
    )
    removal = made.due(10_000)
    assert FIRST not in removal.versions
    assert serving not in names(removal)


@pytest.mark.parametrize(
    ("name", "deployment"),
    [
        ("ml-pipeline-local-dep-20261120-103000-c3d4", "dep-20261120-103000-c3d4"),
        ("ml-pipeline-local-dep-20261120-103000-c3d4-staging", "dep-20261120-103000-c3d4"),
        ("ml-pipeline-seed-local-us-east-1", None),
    ],
)
def test_a_name_tells_its_deployment(name: str, deployment: str | None) -> None:
    assert retention.deployment_of(name) == deployment
