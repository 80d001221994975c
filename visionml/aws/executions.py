"""Step Functions executions: start one under a name, watch it to its end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from visionml.aws.errors import translated
from visionml.contracts.deployment import ROLLED_BACK
from visionml.contracts.training import BELOW_GATE
from visionml.errors import (
    Conflict,
    GateFailed,
    JobFailed,
    NotFound,
    RolledBack,
    Unavailable,
)

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

_ENDED = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted", "ExecutionSucceeded")
_FAILED = ("FAILED", "TIMED_OUT", "ABORTED")

_BY_ERROR: dict[str, type[JobFailed]] = {BELOW_GATE: GateFailed, ROLLED_BACK: RolledBack}


@dataclass(frozen=True)
class Step:
    """A state that an execution entered."""

    name: str
    event: int
    """The event's number in the execution's history."""


@dataclass(frozen=True)
class Visit:
    """One stay of an execution in a state; `left` is None while it is there."""

    name: str
    entered: datetime
    left: datetime | None


@dataclass(frozen=True)
class Fault:
    """The failure of one step, before any Catch."""

    step: str
    error: str
    cause: str


def arn_of(machine_arn: str, name: str) -> str:
    """Return the ARN of a machine's execution by its name."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def start(states: "SFNClient", machine_arn: str, *, name: str, payload: dict[str, Any]) -> str:
    """Start an execution and return its ARN.

    The same name and payload again is the same execution: nothing is started twice.

    Raises
    ------
    Conflict
        The name was used with another payload.
    NotFound
        There is no such state machine.
    """
    try:
        with translated(f"start {name}", hint="Deploy the stacks first: `visionml deploy`."):
            started = states.start_execution(
                stateMachineArn=machine_arn, name=name, input=json.dumps(payload)
            )
        return started["executionArn"]
    except Conflict as error:
        arn = arn_of(machine_arn, name)
        with translated(f"look at the execution {name}"):
            known = states.describe_execution(executionArn=arn)
        if json.loads(known.get("input", "{}")) == payload:
            return arn
        raise Conflict(
            f"{name} was started before with other settings.", hint="Use a new id."
        ) from error


def running(states: "SFNClient", machine_arn: str) -> Iterator[str]:
    """Yield the ARNs of a machine's executions that have not ended, the newest first."""
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=machine_arn, statusFilter="RUNNING"
    )
    with translated(f"list the executions of {machine_arn}"):
        for page in pages:
            for execution in page["executions"]:
                yield execution["executionArn"]


def payload_of(states: "SFNClient", execution_arn: str) -> dict[str, Any]:
    """Return what an execution was started with.

    Raises
    ------
    NotFound
        There is no such execution, or it ended more than 90 days ago.
    """
    with translated(f"look at the execution {execution_arn}"):
        payload: dict[str, Any] = json.loads(
            states.describe_execution(executionArn=execution_arn).get("input", "{}")
        )
    return payload


def status(states: "SFNClient", execution_arn: str) -> str | None:
    """Return an execution's status, such as ``RUNNING``; None when there is no such execution."""
    try:
        with translated(f"look at the execution {execution_arn}"):
            return states.describe_execution(executionArn=execution_arn)["status"]
    except NotFound:
        return None


def watch(
    states: "SFNClient",
    execution_arn: str,
    *,
    on_step: Callable[[Step], None] | None = None,
    timeout_seconds: float = 4 * 3600,
    interval_seconds: float = 1.0,
) -> dict[str, Any]:
    """Wait until an execution ends and return its output.

    `on_step` is called once for every state the execution enters, in order.

    Raises
    ------
    JobFailed
        It ended without success; the message names the step, the error and its cause.
        ``GateFailed`` and ``RolledBack`` where the machine says so.
    Unavailable
        It did not end within `timeout_seconds`; it goes on running.
    """
    deadline = time.monotonic() + timeout_seconds
    seen = 0
    while True:
        with translated(f"look at the execution {execution_arn}"):
            execution = states.describe_execution(executionArn=execution_arn)
        if on_step:
            for step in entered(states, execution_arn, after=seen):
                on_step(step)
                seen = step.event
        if execution["status"] == "SUCCEEDED":
            output: dict[str, Any] = json.loads(execution.get("output", "{}"))
            return output
        if execution["status"] in _FAILED:
            raise _failure(states, execution_arn, dict(execution))
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"{execution['name']} has not ended after {timeout_seconds:.0f} seconds.",
                hint="It goes on running: watch it again, or stop it in the console.",
            )
        time.sleep(interval_seconds)


def entered(states: "SFNClient", execution_arn: str, *, after: int = 0) -> Iterator[Step]:
    """Yield the states that an execution entered, from history event `after` on."""
    for event in _history(states, execution_arn):
        if event["id"] > after and "stateEnteredEventDetails" in event:
            yield Step(event["stateEnteredEventDetails"]["name"], event["id"])


def visits(states: "SFNClient", execution_arn: str) -> list[Visit]:
    """Return the states that an execution has been in, in order.

    A state that ends by a Catch is left when the next one is entered.
    """
    found: list[Visit] = []
    for event in _history(states, execution_arn):
        if found and found[-1].left is None:
            ended = "stateExitedEventDetails" in event or "stateEnteredEventDetails" in event
            if ended or event["type"] in _ENDED:
                found[-1] = replace(found[-1], left=event["timestamp"])
        if "stateEnteredEventDetails" in event:
            name = event["stateEnteredEventDetails"]["name"]
            found.append(Visit(name, event["timestamp"], None))
    return found


def fault(states: "SFNClient", execution_arn: str) -> Fault | None:
    """Return the last step that failed and did not succeed on a later try.

    A step inside a map is entered once for each item, and has to succeed as often.
    """
    step, faults = "", dict[str, Fault]()
    entries, successes = Counter[str](), Counter[str]()
    for event in _history(states, execution_arn):
        if "stateEnteredEventDetails" in event:
            step = event["stateEnteredEventDetails"]["name"]
            entries[step] += 1
            continue
        details = _fault_details(event)
        if details is not None:
            faults.pop(step, None)
            faults[step] = Fault(step, details.get("error", ""), readable(details.get("cause", "")))
        elif event["type"].endswith("Succeeded") and not event["type"].startswith("Map"):
            successes[step] += 1
    left = [each for each in faults.values() if successes[each.step] < entries[each.step]]
    return left[-1] if left else None


def readable(cause: str) -> str:
    """Return the sentence for people inside a failure's cause.

    A Lambda's cause is JSON with ``errorMessage``; a SageMaker job's one is its description, with
    ``FailureReason`` and, of a processing job, ``ExitMessage``, which is what the job itself said.
    """
    try:
        parsed = json.loads(cause)
    except (json.JSONDecodeError, TypeError):
        return cause
    if isinstance(parsed, dict):
        for key in ("errorMessage", "ExitMessage", "FailureReason", "Cause"):
            if parsed.get(key):
                return readable(str(parsed[key]))
    return cause


def _history(states: "SFNClient", execution_arn: str) -> "Iterator[HistoryEventTypeDef]":
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    with translated(f"read the history of {execution_arn}"):
        for page in pages:
            yield from page["events"]


def _fault_details(event: "HistoryEventTypeDef") -> dict[str, Any] | None:
    """Return the details of an event that tells a step's failure, whatever its kind.

    Those of executions and maps repeat what a step inside them said, or say less.
    """
    if event["type"].startswith(("Execution", "Map")):
        return None
    for key, details in event.items():
        if key.endswith(("FailedEventDetails", "TimedOutEventDetails")):
            return dict(details) if isinstance(details, dict) else None
    return None


def _failure(states: "SFNClient", execution_arn: str, execution: dict[str, Any]) -> JobFailed:
    known = fault(states, execution_arn)
    error = execution.get("error") or (known.error if known else "") or execution["status"]
    cause = readable(execution.get("cause") or "") or (known.cause if known else "")
    at = f" at the step {known.step}" if known else ""
    kind = _BY_ERROR.get(error, JobFailed)
    return kind(f"{execution['name']} ended without success{at}: {error}: {cause}".rstrip(": "))
