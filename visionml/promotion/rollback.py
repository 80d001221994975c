"""Back to a version that has served: which one, whether it can be, and one start for many."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from visionml.aws import executions
from visionml.contracts.deployment import DeploymentRequest
from visionml.contracts.lineage import Node, deployment_node, model_node
from visionml.contracts.registry import VersionRecord
from visionml.contracts.training import RunId
from visionml.errors import Conflict, InvalidInput, NotFound
from visionml.promotion.in_service import InService
from visionml.promotion.start import Deployment
from visionml.registry.lineage import Lineage
from visionml.registry.ports import ObjectStore
from visionml.registry.versions import Versions

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_RUN_ID: TypeAdapter[str] = TypeAdapter(RunId)
_ATTEMPTS = 20
_ANOTHER = "Choose one that has served: `visionml rollback --to VERSION`."


def previous(lineage: Lineage, now: InService) -> str:
    """Return the version that a rollback leads to: the one that served before.

    Where what serves came by going back, it is that version itself: going back is done once,
    whoever else asks for it, until another version takes over.

    Raises
    ------
    NotFound
        Nothing serves, or nothing has served before.
    """
    if now.version is None:
        raise NotFound(
            f"There is nothing to go back from: {now.endpoint.name} serves no registered version.",
            hint="Promote one first: `visionml promote`.",
        )
    way, went_back = _way_here(_promoted(lineage, now))
    if now.version in way and (went_back or way[-1] != now.version):
        return now.version
    earlier = [version for version in way if version != now.version]
    if not earlier:
        raise NotFound(
            f"There is nothing to go back to: no version has served before {now.version}.",
            hint="Promote another one: `visionml promote VERSION`.",
        )
    return earlier[-1]


def _promoted(lineage: Lineage, now: InService) -> list[Node]:
    """Return the deployments that changed what serves, the oldest first.

    The last one is read itself: the index by status may know it a moment later.
    """
    found = {node.id: node for node in lineage.with_status("promoted")}
    last = lineage.find(deployment_node(now.deployment_id)) if now.deployment_id else None
    if last and last.status == "promoted":
        found[last.id] = last
    return sorted(found.values(), key=lambda node: node.timestamp)


def _way_here(promoted: Iterable[Node]) -> tuple[list[str], bool]:
    """Return the versions by which the last one was reached, and whether by going back to it.

    Going back takes away the versions that came after; so does no other deployment.
    """
    way: list[str] = []
    went_back = False
    for node in promoted:
        version = str(node.facts.get("model_version"))
        went_back = node.facts.get("kind") == "rollback" and version in way
        if went_back:
            while way[-1] != version:
                way.pop()
        elif way[-1:] != [version]:
            way.append(version)
    return way, went_back


def restorable(
    version: str, *, versions: Versions, lineage: Lineage, objects: ObjectStore
) -> VersionRecord:
    """Return a version's record if the endpoint may go back to it without ado.

    Raises
    ------
    InvalidInput
        It is no version's name, or its record is damaged.
    NotFound
        It is not registered, or its artefact is gone.
    Conflict
        It was retired so long ago that it was cleaned, or it has never served.
    """
    try:
        _RUN_ID.validate_python(version)
    except ValidationError as error:
        raise InvalidInput(f"{version!r} is not the name of a model version.") from error
    record = versions.read(version)
    if record.expired:
        raise Conflict(
            f"The version {version} was cleaned on {record.expired:%Y-%m-%d}: it had been retired "
            "for longer than models are kept.",
            hint="Train it again, or choose another version.",
        )
    if not objects.exists(record.artefact):
        raise NotFound(
            f"The model of the version {version} is gone: there is no {record.artefact}.",
            hint="Restore an earlier version of that object, or choose another model version.",
        )
    check_served(lineage, version)
    return record


def check_served(lineage: Lineage, version: str) -> None:
    """Refuse a version that no deployment has put into production.

    Going back asks neither the staging endpoint nor a person; for such a version it would be a
    way around both.

    Raises
    ------
    Conflict
        It has never served.
    """
    model = model_node(version)
    targets = [edge.target for edge in lineage.edges(model) if edge.relation == "deployed_as"]
    if not any(node.status == "promoted" for node in map(lineage.find, targets) if node):
        raise Conflict(
            f"The version {version} has never served, so there is no going back to it.",
            hint=f"Promote it: `visionml promote {version}`.",
        )


def begin(
    states: "SFNClient", machine_arn: str, version: str, *, now: datetime | None = None
) -> Deployment:
    """Start going back to a version, or join those who are about it already.

    Whoever asks for the same version within the same minute gets the same deployment, and so does
    everybody while it runs; one that has ended is not started again under its id.
    """
    for request in under_way(states, machine_arn):
        if request.kind == "rollback" and request.model_version == version:
            arn = executions.arn_of(machine_arn, request.deployment_id)
            return Deployment(request.deployment_id, arn)
    moment = now or datetime.now(UTC)
    for attempt in range(_ATTEMPTS):
        name = rollback_id(version, moment, attempt=attempt)
        arn = executions.arn_of(machine_arn, name)
        status = executions.status(states, arn)
        if status == "RUNNING":
            return Deployment(name, arn)
        if status is None:
            request = DeploymentRequest(model_version=version, deployment_id=name, kind="rollback")
            payload = request.model_dump(mode="json")
            started = executions.start(states, machine_arn, name=name, payload=payload)
            return Deployment(name, started)
    raise Conflict(
        f"{_ATTEMPTS} rollbacks to {version} have ended within one minute.",
        hint="See why in `visionml deployments`, then try again.",
    )


def rollback_id(version: str, moment: datetime, *, attempt: int = 0) -> str:
    """Return the deployment id of going back to a version in one minute."""
    minute = moment.astimezone(UTC).replace(second=0, microsecond=0)
    shown = minute + timedelta(seconds=attempt)
    token = hashlib.sha256(f"{version} {attempt}".encode()).hexdigest()[:4]
    return f"dep-{shown:%Y%m%d-%H%M%S}-{token}"


def under_way(states: "SFNClient", machine_arn: str) -> Iterator[DeploymentRequest]:
    """Yield the requests of the deployments that run, the newest first."""
    for arn in executions.running(states, machine_arn):
        try:
            yield DeploymentRequest.model_validate(executions.payload_of(states, arn))
        except ValidationError:  # started by hand, with something else
            continue
