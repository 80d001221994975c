"""A deployment waits until a person has approved or rejected its model package."""

from typing import Any, Protocol

from visionml.contracts.deployment import APPROVAL_REJECTED, DeploymentPlan
from visionml.contracts.lineage import APPROVAL_SK, approval_request
from visionml.errors import Conflict
from visionml.promotion.plan import APPROVED, REJECTED
from visionml.registry.ports import Items, PackageGroup


class TokenReturn(Protocol):
    """Tokens of waiting tasks: ``visionml.aws.callbacks.Callbacks``."""

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        """Let the waiting task end with a result; tell whether it was still waiting."""

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Let the waiting task fail; tell whether it was still waiting."""


class Approvals:
    """The deployments that wait, by their model package.

    Whoever comes last, the person or the deployment, finds the other one: the token is stored
    before the package is looked at, and a package's change is announced after it was made.
    """

    def __init__(self, items: Items, packages: PackageGroup, tokens: TokenReturn) -> None:
        self._items = items
        self._packages = packages
        self._tokens = tokens

    def wait(self, plan: DeploymentPlan, token: str) -> str:
        """Remember who waits, and answer at once where the package is decided already."""
        self._items.put(
            {
                "PK": approval_request(plan.package_arn),
                "SK": APPROVAL_SK,
                "deployment_id": plan.deployment_id,
                "model_version": plan.model_version,
                "token": token,
            }
        )
        return self.settle(plan.package_arn)

    def settle(self, package_arn: str) -> str:
        """Tell whoever waits for a package what was decided; return its approval status.

        What counts is the package as it is now: events come late, twice and in any order.
        """
        item = self._items.get(approval_request(package_arn), APPROVAL_SK)
        token = str(item["token"]) if item else ""
        approval = self._packages.describe(package_arn).approval
        if not item or not token or approval not in (APPROVED, REJECTED):
            return approval
        if approval == APPROVED:
            self._tokens.succeed(token, {"approval": approval})
        else:
            self._tokens.fail(
                token,
                error=APPROVAL_REJECTED,
                cause=f"The version {item['model_version']} was rejected: its model package "
                f"{package_arn} is {approval}. Promote another version.",
            )
        try:
            self._items.put({**item, "token": ""}, expected={"token": token})
        except Conflict:  # another deployment waits by now
            return approval
        return approval
