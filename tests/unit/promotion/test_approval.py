"""A deployment that waits for a person hears of the decision, whoever comes last."""

from typing import Any

import pytest

from tests.fakes import events
from tests.fakes.packages import MemoryPackages
from tests.fakes.table import MemoryTable
from tests.unit.promotion.test_plan import Registered
from visionml.contracts.deployment import DeploymentPlan
from visionml.contracts.lineage import APPROVAL_SK, approval_request
from visionml.promotion.approval import Approvals

PLAN = DeploymentPlan.model_validate(events.load("deployment_recorder.ended")["plan"])


class Tokens:
    """Keeps what was returned."""

    def __init__(self) -> None:
        self.returned: list[tuple[str, str]] = []

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        self.returned.append((token, str(output["approval"])))
        return True

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        self.returned.append((token, f"{error}: {cause}"))
        return True


class Office:
    """Approvals of one pending package."""

    def __init__(self) -> None:
        registered = Registered()
        self.packages: MemoryPackages = registered.packages
        self.arn = registered.version.model_package_arn
        self.packages.set_approval(self.arn, "PendingManualApproval")
        self.plan = PLAN.model_copy(update={"package_arn": self.arn})
        self.table, self.tokens = MemoryTable(), Tokens()
        self.approvals = Approvals(self.table, self.packages, self.tokens)

    def decide(self, approval: str) -> None:
        self.packages.set_approval(self.arn, approval)
        self.approvals.settle(self.arn)


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_approval_lets_the_deployment_go_on(office: Office) -> None:
    office.approvals.wait(office.plan, "token")
    assert office.tokens.returned == []
    office.decide("Approved")
    assert office.tokens.returned == [("token", "Approved")]


def test_a_rejection_ends_the_deployment_with_the_next_step(office: Office) -> None:
    office.approvals.wait(office.plan, "token")
    office.decide("Rejected")
    ((token, cause),) = office.tokens.returned
    assert token == "token"
    assert cause.startswith(f"ApprovalRejected: The version {PLAN.model_version} was rejected")
    assert cause.endswith("Promote another version.")


@pytest.mark.parametrize("approval", ["Approved", "Rejected"])
def test_who_was_decided_before_waiting_does_not_hang(office: Office, approval: str) -> None:
    office.decide(approval)
    assert office.tokens.returned == []
    office.approvals.wait(office.plan, "token")
    assert len(office.tokens.returned) == 1


def test_a_token_is_returned_once(office: Office) -> None:
    office.approvals.wait(office.plan, "token")
    office.decide("Approved")
    office.decide("Approved")
    office.decide("Rejected")
    assert len(office.tokens.returned) == 1


def test_what_nobody_waits_for_changes_nothing(office: Office) -> None:
    office.decide("Approved")
    assert office.tokens.returned == []
    assert office.table.items == {}


def test_a_late_event_of_an_earlier_state_decides_nothing(office: Office) -> None:
    office.approvals.wait(office.plan, "token")
    assert office.approvals.settle(office.arn) == "PendingManualApproval"
    assert office.tokens.returned == []


def test_the_token_of_another_deployment_is_not_cleared(office: Office) -> None:
    office.approvals.wait(office.plan, "first")
    succeed = office.tokens.succeed

    def slow(token: str, output: dict[str, Any]) -> bool:
        key = (approval_request(office.arn), APPROVAL_SK)
        office.table.items[key]["token"] = "second"
        return succeed(token, output)

    office.tokens.succeed = slow  # type: ignore[method-assign]
    office.decide("Approved")
    assert office.table.items[approval_request(office.arn), APPROVAL_SK]["token"] == "second"
