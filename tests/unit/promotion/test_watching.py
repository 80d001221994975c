"""active-version and what serves are brought together; our own writes lead to nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.promotion.test_rollback import ENDPOINT, FIRST, PROMOTED_TWICE, SECOND, Story
from visionml.aws.parameters import Parameter
from visionml.errors import InvalidInput, NotFound
from visionml.promotion.in_service import InService
from visionml.promotion.watching import Cause, Occasion, Verdict, decide, notice, occasion_of

AT = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
BEFORE, AFTER = AT - timedelta(minutes=1), AT + timedelta(minutes=1)
SERVES = InService(replace(ENDPOINT, modified=BEFORE), SECOND, "dep-20261125-100000-c3d4")
ENDED = "dep-20261125-102900-c3d4"


def known(version: str) -> None:
    if version not in {FIRST, SECOND}:
        raise NotFound(f"The model version {version} is not registered.", hint="Name another.")


def judged(
    wanted: str | None,
    cause: Cause = "changed",
    *,
    now: InService = SERVES,
    modified: datetime = AT,
    holder: str | None = None,
) -> Verdict:
    return decide(
        Occasion(cause, AT, ENDED if cause == "ended" else None),
        asked=None if wanted is None else Parameter("active-version", wanted, 7, modified),
        now=now,
        holder=holder,
        check=known,
        why=lambda deployment_id: f"{deployment_id} ended as rolled_back: an alarm.",
    )


@pytest.mark.parametrize("cause", ["changed", "ended", "scheduled"])
@pytest.mark.parametrize("holder", [None, "dep-1"])
def test_a_parameter_that_names_what_serves_is_kept(cause: Cause, holder: str | None) -> None:
    assert judged(SECOND, cause, holder=holder).action == "keep"


def test_before_the_first_promotion_nothing_is_missed() -> None:
    seed = InService(ENDPOINT, None, None)
    assert judged(None, "scheduled", now=seed).action == "keep"


def test_an_earlier_version_set_by_hand_is_rolled_back_to() -> None:
    verdict = judged(FIRST)
    assert (verdict.action, verdict.wanted, verdict.serving) == ("roll_back", FIRST, SECOND)


@pytest.mark.parametrize("cause", ["changed", "ended", "scheduled"])
def test_a_version_that_cannot_be_restored_is_taken_out_with_the_reason(cause: Cause) -> None:
    verdict = judged("garbage", cause)
    assert verdict.action == "put_back"
    assert verdict.reason == "The model version garbage is not registered. Name another."


def test_a_version_set_while_a_deployment_moves_the_endpoint_is_put_back() -> None:
    verdict = judged(FIRST, holder="dep-20261125-103000-aaaa")
    assert verdict.action == "put_back"
    assert "dep-20261125-103000-aaaa is under way" in verdict.reason


@pytest.mark.parametrize("cause", ["ended", "scheduled"])
def test_while_a_deployment_moves_the_endpoint_nobody_else_judges(cause: Cause) -> None:
    assert judged(FIRST, cause, holder="dep-2").action == "keep"


def test_a_rollback_that_was_taken_back_is_taken_out_with_its_reason() -> None:
    verdict = judged(FIRST, "ended", modified=BEFORE)
    assert verdict.action == "put_back"
    assert verdict.reason == f"{ENDED} ended as rolled_back: an alarm."


def test_the_end_of_a_deployment_leaves_what_was_set_after_it() -> None:
    assert judged(FIRST, "ended", modified=AFTER).action == "keep"


def test_an_event_that_was_lost_is_made_up_for_on_schedule() -> None:
    assert judged(FIRST, "scheduled").action == "roll_back"


def test_an_endpoint_changed_by_hand_is_believed() -> None:
    moved = replace(SERVES, endpoint=replace(ENDPOINT, modified=AFTER))
    verdict = judged(FIRST, "scheduled", now=moved)
    assert (verdict.action, verdict.serving) == ("put_back", SECOND)


def test_a_parameter_that_was_deleted_is_written_again() -> None:
    assert judged(None, "scheduled").action == "put_back"


def test_people_are_told_what_was_asked_for_why_not_and_what_serves() -> None:
    told = notice("/ml-pipeline/models/active-version", judged("garbage"))
    assert told == (
        "/ml-pipeline/models/active-version was set to 'garbage'. The model version garbage is not "
        f"registered. Name another. It names {SECOND} again, which serves."
    )
    assert "was deleted" in notice("p", judged("garbage", now=InService(ENDPOINT, None, None)))


def test_going_back_is_asked_for_with_what_the_story_allows() -> None:
    story = Story(*PROMOTED_TWICE)
    verdict = decide(
        Occasion("changed", AT),
        asked=Parameter("active-version", FIRST, 1, AT),
        now=story.now,
        holder=None,
        check=story.restorable,
        why=str,
    )
    assert verdict.action == "roll_back"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "aws.s3", "time": "2026-11-25T10:30:00Z"},
        {"source": "aws.states", "time": "2026-11-25T10:30:00Z", "detail": {"name": "dep-1"}},
        {"source": "aws.ssm", "time": "yesterday"},
    ],
)
def test_an_event_that_says_too_little_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        occasion_of(event)
