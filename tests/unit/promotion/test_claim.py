"""An endpoint has one deployment at a time."""

from typing import Any

import pytest

from tests.fakes.table import MemoryTable
from visionml.contracts.deployment import DeploymentRequest, DeploymentStart
from visionml.errors import Conflict
from visionml.promotion.claim import Claims

FIRST, SECOND = "dep-20261120-103000-c3d4", "dep-20261120-103100-c3d4"


def start(deployment: str, *, kind: Any = "promotion", phase: Any = "prepare") -> DeploymentStart:
    request = DeploymentRequest(
        model_version="run-20261120-101500-a1b2", deployment_id=deployment, kind=kind
    )
    return DeploymentStart(request=request, execution=f"arn:{deployment}", phase=phase)


class Desk:
    """A claim with a clock to turn and executions to end."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ended: set[str] = set()
        self.table = MemoryTable()
        self.claims = Claims(self.table, "endpoint", clock=lambda: self.now)

    def take(self, wanted: DeploymentStart) -> None:
        self.claims.take(wanted, seconds=60, running=lambda arn: arn not in self.ended)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.take(start(FIRST))
    return desk


def holder(desk: Desk) -> str | None:
    found = desk.claims.holder()
    return found.deployment_id if found else None


def test_a_second_deployment_is_refused_and_told_of_the_first(desk: Desk) -> None:
    with pytest.raises(Conflict, match=f"promotion {FIRST} is being prepared for it"):
        desk.take(start(SECOND))
    assert holder(desk) == FIRST


def test_the_same_deployment_may_claim_again(desk: Desk) -> None:
    desk.take(start(FIRST, phase="update"))
    with pytest.raises(Conflict, match=f"promotion {FIRST} updates it"):
        desk.take(start(SECOND))


def test_a_claim_ends_when_it_is_released_expires_or_its_execution_ends(desk: Desk) -> None:
    desk.claims.release(FIRST)
    assert holder(desk) is None
    desk.take(start(FIRST))
    desk.now += 60
    desk.take(start(SECOND))
    assert holder(desk) == SECOND
    desk.ended.add(f"arn:{SECOND}")
    desk.take(start(FIRST))
    assert holder(desk) == FIRST


def test_nobody_releases_the_claim_of_another(desk: Desk) -> None:
    desk.claims.release(SECOND)
    assert holder(desk) == FIRST


def test_a_rollback_goes_before_a_promotion_that_has_not_touched_the_endpoint(desk: Desk) -> None:
    desk.take(start(SECOND, kind="rollback", phase="update"))
    assert holder(desk) == SECOND
    with pytest.raises(Conflict, match=f"rollback {SECOND} updates it"):
        desk.take(start(FIRST, phase="update"))


def test_a_rollback_waits_for_an_update(desk: Desk) -> None:
    desk.take(start(FIRST, phase="update"))
    with pytest.raises(Conflict, match=f"promotion {FIRST} updates it"):
        desk.take(start(SECOND, kind="rollback", phase="update"))


def test_of_two_at_once_one_is_refused(desk: Desk) -> None:
    """The claim changes hands between the other's look at it and its write."""
    desk.claims.release(FIRST)
    inner = desk.table.put

    def slow(item: dict[str, Any], **expected: Any) -> None:
        desk.table.put = inner  # type: ignore[method-assign]
        desk.take(start(SECOND))
        inner(item, **expected)

    desk.table.put = slow  # type: ignore[method-assign]
    with pytest.raises(Conflict, match=SECOND):
        desk.take(start(FIRST))
    assert holder(desk) == SECOND
