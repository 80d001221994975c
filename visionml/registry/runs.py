"""The record of one training run in the lineage table, from its start to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue, TypeAdapter

from visionml.aws.executions import readable
from visionml.contracts.lineage import Edge, Node, dataset_node, run_node
from visionml.contracts.training import (
    START_STEP,
    STEPS,
    Chosen,
    RunEvent,
    RunStart,
    StepRecord,
    TrainingRequest,
    UnreadRequest,
)
from visionml.errors import Conflict
from visionml.registry.lineage import Lineage

Steps = dict[str, StepRecord]

_STEPS = TypeAdapter(Steps)
_OF_A_FAILURE = ("step", "error", "cause")


@dataclass(frozen=True)
class Claim:
    """A run that belongs to one execution now, and what earlier ones have done of it."""

    attempt: int
    steps: Steps


def claim(graph: Lineage, start: RunStart, *, image: str, running: Callable[[str], bool]) -> Claim:
    """Give a run to an execution: a new one, or one whose last execution has failed.

    `running` tells whether an execution, given by its ARN, has yet to end: one that was stopped
    or ran out of time cannot say so itself.

    Raises
    ------
    Conflict
        The run has ended well or by its verdict, another execution runs it, or it was started
        with other settings.
    """

    def begun(stored: Node | None) -> Node:
        if stored is None:
            return _node(start, attempt=1, facts={"image": image})
        if start.execution is not None and stored.facts.get("execution") == start.execution:
            return stored
        _check_resumable(stored, start, running=running)
        facts = {name: fact for name, fact in stored.facts.items() if name not in _OF_A_FAILURE}
        return _node(start, attempt=_attempt(stored) + 1, facts={**facts, "image": image})

    node = graph.change(run_node(start.request.run_id), begun)
    _link(graph, start.request)
    return Claim(_attempt(node), steps_of(node))


def plan(graph: Lineage, run_id: str, steps: Steps) -> None:
    """Record the steps that are left and those that are done."""

    def planned(stored: Node | None) -> Node:
        return _with(stored, run_node(run_id), facts={"steps": _dumped(steps)})

    graph.change(run_node(run_id), planned)


def choose(graph: Lineage, run_id: str, chosen: Chosen) -> None:
    """Record which training job's model is the run's, and which model it has to beat."""
    facts: dict[str, JsonValue] = {
        "candidate": chosen.candidate.model_dump(mode="json"),
        "champion": chosen.champion.version if chosen.champion else None,
    }
    graph.change(run_node(run_id), lambda stored: _with(stored, run_node(run_id), facts=facts))


def record(graph: Lineage, event: RunEvent) -> str:
    """Write what happened to a run and return the run's new status."""
    run = run_node(event.request.run_id)
    if _refused_at_start(event) or _belongs_to_another(graph, event):
        return graph.get(run).status
    if event.action == "finished":
        return _finish(graph, event)
    status, facts = event.action, _facts(event)

    def ended(stored: Node | None) -> Node:
        steps = steps_of(stored)
        name = (event.step or "").lower()
        if status == "failed" and name in steps:
            failed = {"status": "failed", "finished": datetime.now(UTC)}
            steps[name] = steps[name].model_copy(update=failed)
        return _with(stored, run, status=status, facts={**facts, "steps": _dumped(steps)})

    graph.change(run, ended)
    return status


def steps_of(node: Node | None) -> Steps:
    """Return the steps in a run's record, by name."""
    return _STEPS.validate_python(node.facts.get("steps", {}) if node else {})


def _finish(graph: Lineage, event: RunEvent) -> str:
    """Record that a step has ended well, and what it left."""
    run, name = run_node(event.request.run_id), (event.step or "").lower()
    moment = datetime.now(UTC)
    step = StepRecord(status="finished", job=event.job or "", output=event.output, finished=moment)

    def finished(stored: Node | None) -> Node:
        return _with(stored, run, facts={"steps": _dumped({**steps_of(stored), name: step})})

    node = graph.change(run, finished)
    if name == STEPS[0] and isinstance(event.request, TrainingRequest):
        _publish_shards(graph, event.request, step, image=node.facts.get("image"))
    return node.status


def _publish_shards(
    graph: Lineage, request: TrainingRequest, step: StepRecord, *, image: JsonValue
) -> None:
    """Tell on the dataset version where its shards of one size lie, for other runs."""
    dataset = dataset_node(request.dataset, request.dataset_version)
    shards: dict[str, JsonValue] = {"image": image, **step.model_dump(mode="json")}

    def published(stored: Node | None) -> Node:
        known = stored.facts.get("prepared") if stored else None
        sizes = known if isinstance(known, dict) else {}
        prepared: JsonValue = {**sizes, str(request.image_size): shards}
        return _with(stored, dataset, status="imported", facts={"prepared": prepared})

    graph.change(dataset, published)


def withdraw_shards(graph: Lineage, dataset: str, version: str) -> None:
    """Take back what was told of a dataset version's shards, so that no run begins with them."""

    def withdrawn(stored: Node | None) -> Node:
        known = stored.facts if stored else {}
        if stored and "prepared" not in known:
            return stored
        kept = {name: fact for name, fact in known.items() if name != "prepared"}
        return Node(id=node, status="imported", timestamp=datetime.now(UTC), facts=kept)

    node = dataset_node(dataset, version)
    if graph.find(node):
        graph.change(node, withdrawn)


def _check_resumable(stored: Node, start: RunStart, *, running: Callable[[str], bool]) -> None:
    run_id, execution = start.request.run_id, stored.facts.get("execution")
    if stored.status not in {"failed", "started"}:
        raise Conflict(
            f"The run {run_id} has ended: it is {stored.status}. A run id never trains twice.",
            hint="Start again with a new run id.",
        )
    if start.execution is None or (
        stored.status == "started" and isinstance(execution, str) and running(execution)
    ):
        raise Conflict(
            f"The run {run_id} is running: a run id never trains twice.",
            hint="Watch it, or start again with a new run id.",
        )
    wanted = start.request.model_dump(mode="json")
    differing = [
        name for name, fact in stored.facts.items() if name in wanted and fact != wanted[name]
    ]
    if differing:
        raise Conflict(
            f"The run {run_id} was started before with other settings: "
            f"{', '.join(sorted(differing))} differ.",
            hint="Resume it with its own settings, or start again with a new run id.",
        )


def _link(graph: Lineage, request: TrainingRequest) -> None:
    dataset = dataset_node(request.dataset, request.dataset_version)
    facts: dict[str, JsonValue] = {
        "dataset": request.dataset,
        "version": request.dataset_version,
    }
    graph.ensure(Node(id=dataset, status="imported", timestamp=datetime.now(UTC), facts=facts))
    graph.link(Edge(source=run_node(request.run_id), relation="trained_on", target=dataset))


def _facts(event: RunEvent) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {}
    if isinstance(event.request, UnreadRequest):
        facts["execution"] = event.execution
    for name in ("step", "error"):
        value = getattr(event, name)
        if value is not None:
            facts[name] = value
    if event.cause is not None:
        facts["cause"] = readable(event.cause)
    if event.verdict is not None:
        facts["reason"] = event.verdict.reason
        facts["recommended"] = event.verdict.recommended
        facts["gates"] = [gate.model_dump() for gate in event.verdict.gates]
    return facts


def _refused_at_start(event: RunEvent) -> bool:
    """Whether the failure is that the id was taken: the run that has it keeps its record."""
    return (event.action, event.step, event.error) == ("failed", START_STEP, Conflict.__name__)


def _belongs_to_another(graph: Lineage, event: RunEvent) -> bool:
    """Whether the run's record was written by an execution other than the event's."""
    if event.execution is None:
        return False
    node = graph.find(run_node(event.request.run_id))
    return node is not None and node.facts.get("execution") != event.execution


def _node(start: RunStart, *, attempt: int, facts: dict[str, JsonValue]) -> Node:
    request: dict[str, JsonValue] = start.request.model_dump(mode="json")
    return Node(
        id=run_node(start.request.run_id),
        status="started",
        timestamp=datetime.now(UTC),
        facts={**facts, **request, "execution": start.execution, "attempt": attempt},
    )


def _with(
    stored: Node | None, node_id: str, *, facts: dict[str, JsonValue], status: str | None = None
) -> Node:
    """Return a node with further facts; without a status it keeps its own."""
    return Node(
        id=node_id,
        status=status or (stored.status if stored else "started"),
        timestamp=datetime.now(UTC),
        facts={**(stored.facts if stored else {}), **facts},
    )


def _attempt(node: Node) -> int:
    attempt = node.facts.get("attempt", 1)
    return attempt if isinstance(attempt, int) else 1


def _dumped(steps: Steps) -> JsonValue:
    dumped: JsonValue = _STEPS.dump_python(steps, mode="json")
    return dumped
