"""A run's record tells its story, and a run id never trains twice."""

import pytest

from tests.fakes import events
from tests.fakes.table import MemoryTable
from visionml.contracts.lineage import dataset_node, run_node
from visionml.contracts.training import Candidate, Champion, Chosen, RunEvent, RunStart, StepRecord
from visionml.errors import Conflict
from visionml.registry import runs
from visionml.registry.lineage import Lineage
from visionml.registry.runs import Claim

IMAGE = "registry/vision:1"


def told(name: str, **changes: object) -> RunEvent:
    return RunEvent.model_validate({**events.load(f"run_recorder.{name}"), **changes})


def claimed(graph: Lineage, *, running: bool = True, **changes: object) -> Claim:
    start = RunStart.model_validate({**events.load("run_planner"), **changes})
    return runs.claim(graph, start, image=IMAGE, running=lambda _execution: running)


REQUEST = RunStart.model_validate(events.load("run_planner")).request
RUN = run_node(REQUEST.run_id)
TRAIN = StepRecord(status="planned", job=f"{REQUEST.run_id}-train")


@pytest.fixture
def lineage() -> Lineage:
    lineage = Lineage(MemoryTable())
    assert claimed(lineage) == Claim(1, {})
    runs.plan(lineage, REQUEST.run_id, {"train": TRAIN})
    return lineage


def test_a_started_run_is_linked_to_its_dataset_version(lineage: Lineage) -> None:
    graph = lineage.trace(RUN)
    assert [n.id for n in graph.of_kind("DATASET")] == ["DATASET#digits@3f2a9c0d1e5b7788"]
    assert graph.nodes[0].status == "started"
    assert graph.nodes[0].facts["hyperparameters"] == {"epochs": "8", "learning_rate": "0.003"}


def test_a_running_run_is_refused(lineage: Lineage) -> None:
    with pytest.raises(Conflict, match="is running: a run id never trains twice"):
        claimed(lineage, execution="arn:another")
    with pytest.raises(Conflict, match="never trains twice"):
        claimed(lineage, execution=None)


def test_a_run_that_has_ended_is_refused(lineage: Lineage) -> None:
    for ending in ("registered", "rejected"):
        runs.record(lineage, told(ending))
        with pytest.raises(Conflict, match=f"it is {ending}"):
            claimed(lineage, running=False, execution="arn:another")


def test_a_retry_of_the_same_execution_is_accepted(lineage: Lineage) -> None:
    assert claimed(lineage) == Claim(1, {"train": TRAIN})
    assert len(lineage.trace(RUN).edges) == 1


@pytest.mark.parametrize("told_so", [True, False], ids=["failed", "stopped"])
def test_a_run_whose_execution_is_over_goes_on_in_another_attempt(
    lineage: Lineage, told_so: bool
) -> None:
    if told_so:
        runs.record(lineage, told("failed"))
    claim = claimed(lineage, running=False, execution="arn:another")
    assert (claim.attempt, set(claim.steps)) == (2, {"train"})
    node = lineage.get(RUN)
    assert (node.status, node.facts["execution"]) == ("started", "arn:another")
    assert "cause" not in node.facts


def test_a_run_is_not_resumed_with_other_settings(lineage: Lineage) -> None:
    runs.record(lineage, told("failed"))
    other = {**events.load("run_planner")["request"], "image_size": 64}
    with pytest.raises(Conflict, match="other settings: image_size differ"):
        claimed(lineage, running=False, execution="arn:another", request=other)


def test_what_a_step_left_is_recorded(lineage: Lineage) -> None:
    assert runs.record(lineage, told("finished")) == "started"
    step = runs.steps_of(lineage.get(RUN))["prepare"]
    assert (step.status, step.job) == ("finished", f"{REQUEST.run_id}-prepare")
    dataset = lineage.get(dataset_node(REQUEST.dataset, REQUEST.dataset_version))
    prepared = dataset.facts["prepared"]
    assert isinstance(prepared, dict)
    assert isinstance(prepared["32"], dict)
    assert prepared["32"]["output"] == step.output
    assert prepared["32"]["image"] == IMAGE


def test_a_failed_run_says_at_which_step_and_why(lineage: Lineage) -> None:
    runs.record(lineage, told("failed"))
    node = lineage.get(RUN)
    assert node.status == "failed"
    assert node.facts["step"] == "Train"
    assert node.facts["cause"] == ("AlgorithmError: unknown hyperparameter 'epochz', exit code: 1")
    assert runs.steps_of(node)["train"].status == "failed"


def test_a_rejected_run_says_what_it_did_not_reach(lineage: Lineage) -> None:
    runs.record(lineage, told("rejected"))
    node = lineage.get(RUN)
    assert node.status == "rejected"
    assert node.facts["reason"] == "accuracy 0.4111 is below 0.95."
    assert lineage.get(RUN).facts["dataset"] == "digits"


def test_the_chosen_model_and_the_one_it_has_to_beat_are_recorded(lineage: Lineage) -> None:
    best = Candidate(job="job", artefact_s3_uri="s3://m/a", metric="validation_loss", value=0.25)
    champion = Champion(version="run-20260101-120000-abcd", artefact_s3_uri="s3://m/b")
    runs.choose(lineage, REQUEST.run_id, Chosen(candidate=best, champion=champion))
    facts = lineage.get(RUN).facts
    assert facts["candidate"] == best.model_dump()
    assert facts["champion"] == champion.version


@pytest.mark.parametrize("execution", ["arn:another", None])
def test_a_refused_second_run_leaves_the_first_ones_record_alone(
    lineage: Lineage, execution: str | None
) -> None:
    refused = told("failed", execution=execution, step="PlanRun", error="Conflict")
    assert runs.record(lineage, refused) == "started"
    assert lineage.get(RUN).facts.get("error") is None


def test_a_request_that_cannot_be_read_is_recorded_as_a_failed_run() -> None:
    lineage = Lineage(MemoryTable())
    broken = told("failed", request={"run_id": REQUEST.run_id, "dataset": 1}, step="PlanRun")
    assert runs.record(lineage, broken) == "failed"
    assert lineage.get(RUN).facts["step"] == "PlanRun"
    assert claimed(lineage, execution="arn:another").attempt == 2
