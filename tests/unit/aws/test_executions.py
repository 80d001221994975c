"""Causes of failures are read down to the sentence for people; histories tell the step."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from mypy_boto3_stepfunctions import SFNClient

from visionml.aws import executions
from visionml.aws.executions import Step, readable
from visionml.errors import Conflict, GateFailed, JobFailed, RolledBack, Unavailable

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:training"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("plain words", "plain words"),
        ("", ""),
        (json.dumps({"errorMessage": "no such run", "errorType": "NotFound"}), "no such run"),
        (json.dumps({"FailureReason": "AlgorithmError: x", "Other": 1}), "AlgorithmError: x"),
        (json.dumps({"ExitMessage": "no images", "FailureReason": "exit code: 1"}), "no images"),
        (json.dumps({"Cause": json.dumps({"errorMessage": "deep"})}), "deep"),
        (json.dumps({"nothing": "known"}), '{"nothing": "known"}'),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_cause_is_read_down_to_its_sentence(cause: str, sentence: str) -> None:
    assert readable(cause) == sentence


def entered(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}


def failed(number: int, error: str, cause: str, kind: str = "task") -> dict[str, Any]:
    details = {"error": error, "cause": cause}
    return {"id": number, "type": "TaskFailed", f"{kind}FailedEventDetails": details}


class Recorded:
    """Answers with an execution that was recorded; knows what it was asked to start."""

    def __init__(self, execution: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.execution = {"name": "run-1", **execution}
        self.events = events

    def describe_execution(self, **_: object) -> dict[str, Any]:
        return self.execution

    def get_paginator(self, _: str) -> "Recorded":
        return self

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        half = len(self.events) // 2
        yield {"events": self.events[:half]}
        yield {"events": self.events[half:]}


def client(execution: dict[str, Any], *events: dict[str, Any]) -> SFNClient:
    return cast("SFNClient", Recorded(execution, list(events)))


def test_watching_tells_every_step_once_and_answers_the_output() -> None:
    steps: list[Step] = []
    states = client(
        {"status": "SUCCEEDED", "output": '{"a": 1}'}, entered(2, "Prepare"), entered(7, "Train")
    )
    assert executions.watch(states, "arn", on_step=steps.append) == {"a": 1}
    assert steps == [Step("Prepare", 2), Step("Train", 7)]


def test_a_failure_names_the_step_the_error_and_the_cause() -> None:
    cause = json.dumps({"errorMessage": "the disk is full"})
    states = client(
        {"status": "FAILED", "error": "TrainingFailed"},
        entered(1, "Prepare"),
        entered(3, "Train"),
        failed(5, "States.TaskFailed", cause),
        entered(6, "RecordFailed"),
        {"id": 8, "type": "TaskSucceeded"},
        entered(9, "TrainingFailed"),
        {"id": 10, "type": "ExecutionFailed", "executionFailedEventDetails": {"error": "x"}},
    )
    with pytest.raises(JobFailed) as caught:
        executions.watch(states, "arn")
    assert type(caught.value) is JobFailed
    assert str(caught.value) == (
        "run-1 ended without success at the step Train: TrainingFailed: the disk is full"
    )


def test_a_step_that_succeeded_on_a_later_try_is_not_the_fault() -> None:
    states = client(
        {"status": "FAILED", "error": "E", "cause": "c"},
        entered(1, "Prepare"),
        failed(2, "Lambda.TooManyRequestsException", "", kind="lambdaFunction"),
        {"id": 3, "type": "LambdaFunctionSucceeded"},
        entered(4, "Stop"),
    )
    assert executions.fault(states, "arn") is None


@pytest.mark.parametrize("fails", [True, False])
def test_a_step_of_a_map_has_to_succeed_for_every_item(fails: bool) -> None:
    again = {"id": 8, "type": "TaskSucceeded"}
    states = client(
        {"status": "FAILED", "error": "E", "cause": "c"},
        entered(1, "PrepareShards"),
        entered(2, "PrepareShard"),
        entered(3, "PrepareShard"),
        failed(4, "DatasetInvalid", json.dumps({"errorMessage": "0.png has changed."})),
        {"id": 5, "type": "TaskSucceeded"},
        {"id": 6, "type": "MapIterationSucceeded"},
        {"id": 7, "type": "MapIterationFailed", "mapIterationFailedEventDetails": {"index": 1}},
        *([] if fails else [again]),
    )
    fault = executions.Fault("PrepareShard", "DatasetInvalid", "0.png has changed.")
    assert executions.fault(states, "arn") == (fault if fails else None)


@pytest.mark.parametrize(
    ("error", "kind"), [("ModelBelowGate", GateFailed), ("DeploymentRolledBack", RolledBack)]
)
def test_the_machines_own_failures_have_their_own_errors(error: str, kind: type[JobFailed]) -> None:
    states = client({"status": "FAILED", "error": error, "cause": "too low"}, entered(1, "Gate"))
    with pytest.raises(kind, match="too low"):
        executions.watch(states, "arn")


def test_watching_ends_at_its_limit() -> None:
    with pytest.raises(Unavailable, match="has not ended after 0 seconds"):
        executions.watch(client({"status": "RUNNING"}), "arn", timeout_seconds=0)


def test_an_execution_is_found_by_its_machine_and_name() -> None:
    assert executions.arn_of(MACHINE, "run-1") == (
        "arn:aws:states:us-east-1:000000000000:execution:training:run-1"
    )


class Taken(Recorded):
    """A machine on which the name is taken."""

    def start_execution(self, **_: object) -> dict[str, Any]:
        raise Conflict("taken")


def test_the_same_name_and_payload_again_is_the_same_execution() -> None:
    states = cast("SFNClient", Taken({"input": '{"a": 1}'}, []))
    arn = executions.start(states, MACHINE, name="run-1", payload={"a": 1})
    assert arn == executions.arn_of(MACHINE, "run-1")


def test_the_same_name_with_another_payload_is_refused() -> None:
    states = cast("SFNClient", Taken({"input": '{"a": 1}'}, []))
    with pytest.raises(Conflict, match="started before with other settings"):
        executions.start(states, MACHINE, name="run-1", payload={"a": 2})


def test_visits_tell_when_each_state_was_entered_and_left() -> None:
    def at(second: int, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "timestamp": datetime(2026, 11, 20, 10, 0, second, tzinfo=UTC)}

    history = [
        at(0, entered(1, "Plan")),
        at(1, {"id": 2, "type": "TaskStateExited", "stateExitedEventDetails": {"name": "Plan"}}),
        at(1, entered(3, "CreateModel")),
        at(3, entered(4, "Record")),
        at(4, {"id": 5, "type": "ExecutionFailed", "executionFailedEventDetails": {}}),
    ]
    visits = executions.visits(client({}, *history), "arn")
    seconds = [
        (visit.name, visit.left and (visit.left - visit.entered).seconds) for visit in visits
    ]
    assert seconds == [("Plan", 1), ("CreateModel", 2), ("Record", 1)]
