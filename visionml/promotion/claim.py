"""One deployment at a time: who has the endpoint."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from visionml.aws.table import Item
from visionml.contracts.deployment import DeploymentStart
from visionml.contracts.lineage import CLAIM_SK, deployment_claim
from visionml.errors import Conflict
from visionml.registry.ports import Items


@dataclass(frozen=True)
class Claim:
    """A deployment that has the endpoint."""

    deployment_id: str
    kind: str
    phase: str
    """``prepare`` while the endpoint is not touched yet, then ``update``."""
    execution: str
    expires: float
    """Seconds since 1970."""


class Claims:
    """The claim on one endpoint.

    It ends when it is released, when its execution does, or when it expires. A rollback takes it
    from a promotion that has not touched the endpoint yet.
    """

    def __init__(
        self, items: Items, endpoint: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._items = items
        self._endpoint = endpoint
        self._key = deployment_claim(endpoint)
        self._clock = clock

    def holder(self) -> Claim | None:
        """Return the claim that was made last and not released, expired or not."""
        item = self._items.get(self._key, CLAIM_SK)
        if item is None or not item["deployment_id"]:
            return None
        return Claim(**{name: item[name] for name in Claim.__dataclass_fields__})

    def take(
        self, start: DeploymentStart, *, seconds: float, running: Callable[[str], bool]
    ) -> None:
        """Claim the endpoint for a deployment; the same one may do so again.

        `running` says whether an execution still runs.

        Raises
        ------
        Conflict
            Another deployment has it.
        """
        stored = self._items.get(self._key, CLAIM_SK)
        holder = self.holder() if stored else None
        wanted = Claim(
            deployment_id=start.request.deployment_id,
            kind=start.request.kind,
            phase=start.phase,
            execution=start.execution,
            expires=self._clock() + seconds,
        )
        if holder and self._bars(holder, wanted, running):
            raise self._taken(holder)
        try:
            self._write(wanted, stored)
        except Conflict as error:
            winner = self.holder()
            raise (self._taken(winner) if winner else error) from error

    def bars_rollback(self, running: Callable[[str], bool]) -> str | None:
        """Return the deployment that a rollback has to wait for, if there is one."""
        holder = self.holder()
        asking = Claim("", "rollback", "update", "", 0)
        return holder.deployment_id if holder and self._bars(holder, asking, running) else None

    def release(self, deployment_id: str) -> None:
        """Give the endpoint back, if this deployment has it."""
        stored = self._items.get(self._key, CLAIM_SK)
        if stored is None or stored["deployment_id"] != deployment_id:
            return
        try:
            self._write(Claim("", "", "", "", 0), stored)
        except Conflict:
            return

    def _bars(self, holder: Claim, wanted: Claim, running: Callable[[str], bool]) -> bool:
        if holder.deployment_id == wanted.deployment_id or holder.expires <= self._clock():
            return False
        if (wanted.kind, holder.kind, holder.phase) == ("rollback", "promotion", "prepare"):
            return False
        return running(holder.execution)

    def _write(self, claim: Claim, stored: Item | None) -> None:
        number = int(stored["number"]) + 1 if stored else 1
        self._items.put(
            {"PK": self._key, "SK": CLAIM_SK, "number": str(number), **vars(claim)},
            expected={"number": stored["number"]} if stored else {"PK": None},
        )

    def _taken(self, holder: Claim) -> Conflict:
        doing = "updates it" if holder.phase == "update" else "is being prepared for it"
        return Conflict(
            f"The endpoint {self._endpoint} is taken: the {holder.kind} {holder.deployment_id} "
            f"{doing}.",
            hint="Wait until it has ended, or stop its execution.",
        )
