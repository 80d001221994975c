"""The record of one training run in the lineage table, from its start to its end."""

from datetime import UTC, datetime

from pydantic import JsonValue

from visionml.aws.executions import readable
from visionml.contracts.lineage import Edge, Node, dataset_node, run_node
from visionml.contracts.training import START_STEP, RunEvent, TrainingRequest
from visionml.errors import Conflict
from visionml.registry.lineage import Lineage


def record(graph: Lineage, event: RunEvent) -> str:
    """Write what happened to a run and return the run's new status.

    Raises
    ------
    Conflict
        ``started`` for a run id that another execution has started before.
    """
    if event.action == "started":
        _start(graph, event)
        return event.action
    facts: dict[str, JsonValue] = {}
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
    if _refused_at_start(event) or _belongs_to_another(graph, event):
        return graph.get(run_node(event.request.run_id)).status
    graph.update(run_node(event.request.run_id), status=event.action, facts=facts)
    return event.action


def _start(graph: Lineage, event: RunEvent) -> None:
    request = event.request
    run = run_node(request.run_id)
    node = Node(
        id=run,
        status="started",
        timestamp=datetime.now(UTC),
        facts={**_facts(request), "execution": event.execution},
    )
    try:
        graph.create(node)
    except Conflict as error:
        if event.execution is None or _belongs_to_another(graph, event):
            raise Conflict(
                f"The run {request.run_id} exists: a run id never trains twice.",
                hint="Start again with a new run id.",
            ) from error
    dataset = dataset_node(request.dataset, request.dataset_version)
    graph.ensure(
        Node(
            id=dataset,
            status="imported",
            timestamp=datetime.now(UTC),
            facts={"dataset": request.dataset, "version": request.dataset_version},
        )
    )
    graph.link(Edge(source=run, relation="trained_on", target=dataset))


def _refused_at_start(event: RunEvent) -> bool:
    """Whether the failure is that the id was taken: the run that has it keeps its record."""
    return (event.action, event.step, event.error) == ("failed", START_STEP, Conflict.__name__)


def _belongs_to_another(graph: Lineage, event: RunEvent) -> bool:
    """Whether the run's record was written by an execution other than the event's."""
    if event.execution is None:
        return False
    node = graph.find(run_node(event.request.run_id))
    return node is not None and node.facts.get("execution") != event.execution


def _facts(request: TrainingRequest) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = request.model_dump(mode="json")
    return facts
