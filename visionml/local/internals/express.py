# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Step Functions' Express machines, which MiniStack runs as Standard ones, and executions' ends."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from ministack.core import responses
from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from visionml.local.internals.scope import account, region, start_thread

Record = Mapping[str, Any]
_Answer = tuple[int, dict[str, str], bytes]
_TYPE = "AWS::StepFunctions::StateMachine"
_STANDARD_ONLY = ("_describe_execution", "_get_execution_history", "_stop_execution")


def run_express_as_aws() -> None:
    """Start Express executions as often as asked, under ARNs that no operation describes.

    Names are not unique, and EventBridge is not told of their statuses.
    """
    _name_settings_of_stacks()
    _start_always()
    _tell_standard_statuses_alone()
    for name in _STANDARD_ONLY:
        setattr(stepfunctions, name, _refusing_express(getattr(stepfunctions, name)))
    stepfunctions._list_executions = _listing_standard(stepfunctions._list_executions)


def on_execution_end(listener: Callable[[Record, Record], None]) -> None:
    """Call a listener with the machine and the execution, its events included, as each ends."""
    emit = stepfunctions._emit_execution_status_event

    @functools.wraps(emit)
    def wrapped(execution: Record) -> None:
        emit(execution)
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
        if machine and execution["status"] != "RUNNING":
            listener(machine, execution)

    stepfunctions._emit_execution_status_event = wrapped


def _name_settings_of_stacks() -> None:
    """Keep what a stack says of logging under the names by which it is described."""
    own = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def create(logical_id: str, properties: Record, *rest: Any) -> Any:
        return own["create"](logical_id, _renamed(properties), *rest)

    def update(physical_id: str, old: Record, new: Record, *rest: Any) -> Any:
        return own["update"](physical_id, _renamed(old), _renamed(new), *rest)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**own, "create": create, "update": update}


def _renamed(properties: Record) -> dict[str, Any]:
    settings = properties.get("LoggingConfiguration")
    if settings is None:
        return dict(properties)
    named: dict[str, Any] = _camel(settings)
    if "includeExecutionData" in named:
        named["includeExecutionData"] = str(named["includeExecutionData"]).lower() == "true"
    return {**properties, "LoggingConfiguration": named}


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _camel(item) for name, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _express(machine_arn: str) -> Record | None:
    resolved = stepfunctions._resolve_state_machine_arn(machine_arn)
    machine: Record | None = stepfunctions._state_machines.get(resolved)
    return machine if machine and machine.get("type") == "EXPRESS" else None


def _start_always() -> None:
    start = stepfunctions._start_execution

    @functools.wraps(start)
    def started(data: Record) -> _Answer:
        machine = _express(str(data.get("stateMachineArn", "")))
        if machine is None:
            answer: _Answer = start(data)
            return answer
        execution = _begun(machine, str(data.get("name") or uuid4()), data.get("input") or "{}")
        arn = execution["executionArn"]

        def run() -> None:
            try:
                stepfunctions._run_execution(arn)
            finally:
                stepfunctions._executions.pop(arn, None)

        start_thread(run, name="express-execution")
        body: _Answer = responses.json_response(
            {"executionArn": arn, "startDate": execution["startDate"]}
        )
        return body

    stepfunctions._start_execution = started


def _begun(machine: Record, name: str, given: str) -> dict[str, Any]:
    """Return the record of an execution that begins, in the form that MiniStack runs."""
    where = f"arn:aws:states:{region()}:{account()}:express"
    began = responses.now_iso()
    details = {"input": given, "roleArn": machine["roleArn"]}
    first = {"id": 1, "type": "ExecutionStarted", "timestamp": began}
    execution = {
        "executionArn": f"{where}:{machine['name']}:{name}:{uuid4()}",
        "stateMachineArn": machine["stateMachineArn"],
        "name": name,
        "status": "RUNNING",
        "startDate": began,
        "stopDate": None,
        "input": given,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "testCase": "",
        "mockAttempts": {},
        "events": [{**first, "executionStartedEventDetails": details}],
    }
    stepfunctions._executions[execution["executionArn"]] = execution
    stepfunctions._emit_execution_status_event(execution)
    return execution


def _tell_standard_statuses_alone() -> None:
    emit = stepfunctions._emit_execution_status_event

    @functools.wraps(emit)
    def wrapped(execution: Record) -> None:
        if _express(execution["stateMachineArn"]) is None:
            emit(execution)

    stepfunctions._emit_execution_status_event = wrapped


def _refusing_express(operation: Callable[[Record], _Answer]) -> Callable[[Record], _Answer]:
    @functools.wraps(operation)
    def wrapped(data: Record) -> _Answer:
        parts = str(data.get("executionArn", "")).split(":")
        if len(parts) > 5 and parts[5] == "express":
            return _error(
                "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'"
            )
        return operation(data)

    return wrapped


def _listing_standard(operation: Callable[[Record], _Answer]) -> Callable[[Record], _Answer]:
    @functools.wraps(operation)
    def wrapped(data: Record) -> _Answer:
        if _express(str(data.get("stateMachineArn", ""))) is None:
            return operation(data)
        return _error(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )

    return wrapped


def _error(code: str, message: str) -> _Answer:
    status = 400
    body = json.dumps({"__type": code, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": code}, body
