"""A run's record tells its story, and a run id never trains twice."""

import pytest

from tests.fakes import events
from tests.fakes.table import MemoryTable
from visionml.contracts.lineage import run_node
from visionml.contracts.training import RunEvent
from visionml.errors import Conflict
from visionml.registry import runs
from visionml.registry.lineage import Lineage


def told(name: str, **changes: object) -> RunEvent:
    return RunEvent.model_validate({**events.load(f"run_recorder.{name}"), **changes})


@pytest.fixture
def lineage() -> Lineage:
    lineage = Lineage(MemoryTable())
    assert runs.record(lineage, told("started")) == "started"
    return lineage


RUN = run_node(told("started").request.run_id)


def test_a_started_run_is_linked_to_its_dataset_version(lineage: Lineage) -> None:
    graph = lineage.trace(RUN)
    assert [n.id for n in graph.of_kind("DATASET")] == ["DATASET#digits@3f2a9c0d1e5b7788"]
    assert graph.nodes[0].status == "started"
    assert graph.nodes[0].facts["hyperparameters"] == {"epochs": "8", "learning_rate": "0.003"}


def test_a_run_id_that_exists_is_refused(lineage: Lineage) -> None:
    with pytest.raises(Conflict, match="never trains twice"):
        runs.record(lineage, told("started", execution="arn:another"))
    with pytest.raises(Conflict, match="never trains twice"):
        runs.record(lineage, told("started", execution=None))


def test_a_retry_of_the_same_execution_is_accepted(lineage: Lineage) -> None:
    assert runs.record(lineage, told("started")) == "started"
    assert len(lineage.trace(RUN).edges) == 1


def test_a_failed_run_says_at_which_step_and_why(lineage: Lineage) -> None:
    runs.record(lineage, told("failed"))
    node = lineage.get(RUN)
    assert node.status == "failed"
    assert node.facts["step"] == "Train"
    assert node.facts["cause"] == ("AlgorithmError: unknown hyperparameter 'epochz', exit code: 1")


def test_a_rejected_run_says_what_it_did_not_reach(lineage: Lineage) -> None:
    runs.record(lineage, told("rejected"))
    node = lineage.get(RUN)
    assert node.status == "rejected"
    assert node.facts["reason"] == "accuracy 0.4111 is below 0.95."
    assert lineage.get(RUN).facts["dataset"] == "digits"


@pytest.mark.parametrize("execution", ["arn:another", None])
def test_a_refused_second_run_leaves_the_first_ones_record_alone(
    lineage: Lineage, execution: str | None
) -> None:
    refused = told("failed", execution=execution, step="RecordStarted", error="Conflict")
    assert runs.record(lineage, refused) == "started"
    assert lineage.get(RUN).facts.get("error") is None
