"""Deployments: what was put on the endpoint, what came of it, and how long each step took."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from visionml.aws import executions
from visionml.aws.executions import Step
from visionml.contracts.deployment import EXIT_CODES, DeploymentOutcome
from visionml.contracts.lineage import Node, deployment_node
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.desks.steps import told
from visionml.errors import JobFailed, NotFound
from visionml.promotion import start

_RUNNING = "running"
_COLUMNS = ["deployment", "kind", "version", "outcome", "seconds", "ended", "reason"]


class Deployment:
    """One deployment, under way or ended."""

    def __init__(self, platform: Platform, deployment_id: str) -> None:
        self._platform = platform
        self.deployment_id = deployment_id
        machine = platform.machine(platform.names.deployment_machine)
        self._execution = executions.arn_of(machine, deployment_id)

    def __repr__(self) -> str:
        return f"<Deployment {self.deployment_id}>"

    def watch(self, *, on_step: Callable[[Step], None] | None = None) -> DeploymentOutcome:
        """Wait until it has ended, telling its steps; return its outcome.

        Raises
        ------
        RolledBack
            The rollout was taken back: the previous version serves again.
        JobFailed
            The deployment was refused or failed.
        """
        platform = self._platform
        return start.watch(
            platform.aws.states,
            start.Deployment(self.deployment_id, self._execution),
            on_step=on_step or told(platform.say),
            interval_seconds=platform.settings.serving.poll_seconds,
        )

    def follow(self, *, on_step: Callable[[Step], None] | None = None) -> DeploymentOutcome:
        """Wait until it has ended and return its outcome, a bad one too.

        Raises
        ------
        JobFailed
            It ended without a record of what it came to.
        """
        try:
            return self.watch(on_step=on_step)
        except JobFailed:
            outcome = self.outcome()
            if outcome is None:
                raise
            return outcome

    def outcome(self) -> DeploymentOutcome | None:
        """Return what it came to, or None while it is under way."""
        return start.recorded(self._platform.lineage, self.deployment_id)

    def timeline(self) -> pd.DataFrame:
        """Return its steps in order: how often each was entered, when first, and how long it took.

        ``began`` and ``seconds`` are in seconds, from the start of the deployment.

        Raises
        ------
        NotFound
            Its execution is unknown: Step Functions keeps them for 90 days.
        """
        visits = executions.visits(self._platform.aws.states, self._execution)
        rows: dict[str, dict[str, Any]] = {}
        for visit in visits:
            row = rows.setdefault(
                visit.name,
                {
                    "step": visit.name,
                    "times": 0,
                    "began": (visit.entered - visits[0].entered).total_seconds(),
                    "seconds": 0.0,
                },
            )
            left = visit.left or datetime.now(UTC)
            row["times"] += 1
            row["seconds"] += (left - visit.entered).total_seconds()
        columns = pd.Index(["step", "times", "began", "seconds"])
        return pd.DataFrame(list(rows.values()), columns=columns).set_index("step").round(3)

    def describe(self) -> Card:
        """Return what is recorded about it, to be looked at."""
        return Card(self.deployment_id, _row(self._node()))

    def _node(self) -> Node:
        return self._platform.lineage.get(deployment_node(self.deployment_id))


class Deployments:
    """The deployments of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def table(self, *, limit: int = 100) -> pd.DataFrame:
        """Return the last deployments of each outcome, the newest first."""
        nodes = [
            node
            for status in (_RUNNING, *EXIT_CODES)
            for node in self._platform.lineage.with_status(status, limit=limit)
            if node.id.startswith(deployment_node(""))
        ]
        nodes.sort(key=lambda node: node.timestamp, reverse=True)
        rows = [_row(node) for node in nodes[:limit]]
        return pd.DataFrame(rows, columns=pd.Index(_COLUMNS)).set_index("deployment")

    def open(self, deployment_id: str) -> Deployment:
        """Return a deployment by its id.

        Raises
        ------
        NotFound
            There was none of that id.
        """
        self._platform.lineage.get(deployment_node(deployment_id))
        return Deployment(self._platform, deployment_id)

    def latest(self) -> Deployment:
        """Return the newest deployment.

        Raises
        ------
        NotFound
            There is none.
        """
        known = self.table()
        if not len(known):
            raise NotFound(
                "Nothing has been deployed.", hint="Promote a model first: `visionml promote`."
            )
        return Deployment(self._platform, str(known.index[0]))


def _row(node: Node) -> dict[str, Any]:
    facts = node.facts
    return {
        "deployment": node.id.removeprefix(deployment_node("")),
        "kind": facts.get("kind", "promotion"),
        "version": facts.get("model_version"),
        "outcome": node.status,
        "seconds": facts.get("seconds"),
        "ended": None if node.status == _RUNNING else node.timestamp.replace(microsecond=0),
        "reason": facts.get("reason") or "",
    }
