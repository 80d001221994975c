"""What past deployments left, and when it goes.

A retired version stays restorable for the retention; then its artefact goes and its record says
so. The models and endpoint configurations in SageMaker go as late: with them, an endpoint can be
put back by hand, from the console alone.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from visionml.aws.hosting import Hosted
from visionml.contracts.deployment import DeploymentRequest
from visionml.contracts.lineage import Node, deployment_node
from visionml.promotion.in_service import InService

LARGEST_BATCH = 100
"""So much is removed at once; what is left goes the next day."""

_STAGING_DAYS = 1
_DEPLOYMENT = re.compile(r"dep-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")


@dataclass(frozen=True)
class Past:
    """Which deployments have served, and when each ceased to."""

    promoted: Sequence[Node]
    """The newest first."""

    def ended(self) -> dict[str, datetime | None]:
        """Return when each deployment was replaced; None for the last one."""
        moments = [None, *(node.timestamp for node in self.promoted)]
        return {_id(node): moment for node, moment in zip(self.promoted, moments, strict=False)}

    def versions(self) -> dict[str, datetime | None]:
        """Return when each version last ceased to serve; None for those of the last deployment."""
        found: dict[str, datetime | None] = {}
        for node, moment in zip(self.promoted, self.ended().values(), strict=True):
            for version in _versions(node):
                found.setdefault(version, moment)
        return found

    def before(self, serving: str | None) -> Node | None:
        """Return the deployment of the version that served before, to which a rollback leads."""
        others = (node for node in self.promoted if node.facts.get("model_version") != serving)
        return next(others, None)


@dataclass(frozen=True)
class InUse:
    """What must stay, however old it is."""

    names: frozenset[str]
    """Of the configuration that serves and of the models in it."""
    versions: frozenset[str]
    deployments: frozenset[str]
    """Those that run, and the one to which a rollback leads."""
    running: bool
    """Whether any runs."""


def used(
    past: Past, now: InService, *, models: Iterable[str], running: Sequence[DeploymentRequest]
) -> InUse:
    """Return what must stay; `models` are those of the configuration that serves."""
    before = past.before(now.version)
    kept = {str(before.facts.get("model_version"))} if before else set()
    asked = {
        version
        for request in running
        for version in (
            request.model_version,
            request.challenger_version,
            request.shadow_version,
        )
        if version
    }
    return InUse(
        names=frozenset({now.endpoint.config_name, *models}),
        versions=frozenset({*kept, *asked, *([now.version] if now.version else [])}),
        deployments=frozenset(
            {*(request.deployment_id for request in running), *([_id(before)] if before else [])}
        ),
        running=bool(running),
    )


@dataclass(frozen=True)
class Removal:
    """What goes now."""

    hosted: tuple[Hosted, ...]
    versions: tuple[str, ...]


def due(
    hosted: Iterable[Hosted],
    *,
    past: Past,
    in_use: InUse,
    restorable: Callable[[str], bool],
    now: datetime,
    models_days: int,
    batch: int = LARGEST_BATCH,
) -> Removal:
    """Return what goes now: the oldest first, at most `batch` models and configurations.

    Versions go too, at most `batch` of them; `restorable` says which have not been cleaned yet.
    """
    limit = now - timedelta(days=models_days)
    ended = past.ended()
    staging_limit = now - timedelta(days=_STAGING_DAYS)

    def goes(each: Hosted) -> bool:
        deployment = deployment_of(each.name)
        if each.name in in_use.names or deployment in in_use.deployments:
            return False
        if each.kind == "endpoint":
            return each.created < staging_limit and not in_use.running
        if each.name.endswith("-staging"):
            return each.created < staging_limit
        moment = ended.get(deployment or "", each.created)
        return moment is not None and moment < limit

    old = sorted(filter(goes, hosted), key=lambda each: (deployment_of(each.name) or "", each.kind))
    versions = [
        version
        for version, moment in reversed(list(past.versions().items()))
        if version not in in_use.versions and moment is not None and moment < limit
        if restorable(version)
    ]
    return Removal(tuple(old[:batch]), tuple(versions[:batch]))


def deployment_of(name: str) -> str | None:
    """Return the deployment that made a model or configuration, from its name."""
    found = _DEPLOYMENT.search(name)
    return found.group() if found else None


def _id(node: Node) -> str:
    return node.id.removeprefix(deployment_node(""))


def _versions(node: Node) -> list[str]:
    named = (node.facts.get(f"{part}_version") for part in ("model", "challenger", "shadow"))
    return [str(version) for version in named if version]
