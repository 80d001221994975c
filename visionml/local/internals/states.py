# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Step Functions: integrations, and the role that a state machine works under."""

import contextvars
import functools
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import stepfunctions

from visionml.errors import AccessDenied
from visionml.local.internals.iam import denial, enforce, service_session
from visionml.local.internals.scope import account, region
from visionml.local.internals.services import ServiceHandler

TaskHandler = Callable[[str, Any], Any]

_machine_role: contextvars.ContextVar[str] = contextvars.ContextVar("machine_role", default="")
_execution: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "execution", default=MappingProxyType({})
)
_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline", default=math.inf)


def execution_role() -> str:
    """Return the role ARN of the state machine whose task is running; empty outside one."""
    return _machine_role.get()


def execution() -> Mapping[str, Any]:
    """Return what MiniStack keeps of the execution whose task is running; empty outside one."""
    return _execution.get()


def execution_name() -> str:
    """Return the name of the execution whose task is running; empty outside one."""
    return str(_execution.get().get("name", ""))


def task_abandoned() -> bool:
    """Tell whether nobody waits for the running task any more: it was stopped or is overdue."""
    status = _execution.get().get("status", "RUNNING")
    return status != "RUNNING" or time.monotonic() > _deadline.get()


def execution_error(error: str, cause: str) -> Exception:
    """Return the exception that fails a task with a Step Functions error name and cause."""
    failure: Exception = stepfunctions._ExecutionError(error, cause)
    return failure


def register_task_integration(resource_prefix: str, handler: TaskHandler) -> None:
    """Serve tasks such as ``arn:aws:states:::sagemaker:createTrainingJob``.

    The handler gets the state's Resource as written (``.sync`` included) and its resolved
    parameters, in a thread of the execution, and may block. It returns the task's result or
    raises `execution_error`. Its role is `execution_role`.
    """
    stepfunctions._SERVICE_DISPATCH[resource_prefix] = handler


def register_sdk_integration(
    service: str, *, target_prefix: str, error_prefix: str, service_key: str | None = None
) -> None:
    """Serve ``aws-sdk:service:action`` tasks of a JSON service, such as ``sagemaker``.

    The call reaches the registered service signed as the state machine's role.
    """
    stepfunctions._AWS_SDK_SERVICE_MAP[service] = {
        "target_prefix": target_prefix,
        "protocol": "json",
        "service_key": service_key or service,
    }
    stepfunctions._AWS_SDK_ERROR_PREFIX[service] = error_prefix


def enforce_machine_roles(
    permissions: Callable[[str, Any], Iterable[tuple[str, str]]],
) -> None:
    """Check every task of MiniStack's own integrations against the state machine's role.

    `permissions` returns the (action, resource) pairs that a task's Resource and parameters need;
    ``aws-sdk`` tasks are checked on the request they make. A refused task fails with
    ``States.TaskFailed`` and AWS's sentence.
    """
    stepfunctions._run_execution = _under_machine_role(stepfunctions._run_execution)
    stepfunctions._invoke_resource = _permitted(stepfunctions._invoke_resource, permissions)
    stepfunctions._invoke_with_callback = _permitted(
        stepfunctions._invoke_with_callback, permissions
    )
    stepfunctions._invoke_resource_with_timeout = _timed(
        stepfunctions._invoke_resource_with_timeout
    )
    app.call_service_handler_sync = _signed_by_machine(app.call_service_handler_sync)


def tell_mapped_tasks() -> None:
    """Tell in an execution's history which task an item of a map has entered and left.

    MiniStack tells so of the states outside maps only.
    """
    execute = stepfunctions._execute_task

    @functools.wraps(execute)
    def told(state: Any, given: Any, execution: dict[str, Any], context: Any) -> Any:
        if "Map" not in context:
            return execute(state, given, execution, context)
        name = context["State"]["Name"]
        entered = {"name": name, "input": json.dumps(given)}
        stepfunctions._add_event(
            execution, "TaskStateEntered", {"stateEnteredEventDetails": entered}
        )
        output, following = execute(state, given, execution, context)
        left = {"name": name, "output": json.dumps(output)}
        stepfunctions._add_event(execution, "TaskStateExited", {"stateExitedEventDetails": left})
        return output, following

    stepfunctions._execute_task = told


def _under_machine_role(run: Callable[[str], None]) -> Callable[[str], None]:
    @functools.wraps(run)
    def wrapped(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        token = _machine_role.set(machine.get("roleArn", ""))
        execution_token = _execution.set(execution)
        try:
            run(execution_arn)
        finally:
            _machine_role.reset(token)
            _execution.reset(execution_token)

    return wrapped


def _timed(invoke: Callable[[str, Any, float], Any]) -> Callable[[str, Any, float], Any]:
    @functools.wraps(invoke)
    def wrapped(resource: str, parameters: Any, timeout: float) -> Any:
        token = _deadline.set(time.monotonic() + float(timeout))
        try:
            return invoke(resource, parameters, timeout)
        finally:
            _deadline.reset(token)

    return wrapped


def _permitted(
    invoke: Callable[..., Any], permissions: Callable[[str, Any], Iterable[tuple[str, str]]]
) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def wrapped(resource: str, parameters: Any, *rest: Any) -> Any:
        role = _machine_role.get()
        if role:
            for action, arn in permissions(resource, parameters):
                try:
                    enforce(role, action, arn)
                except AccessDenied as refused:
                    raise execution_error("States.TaskFailed", refused.message) from refused
        return invoke(resource, parameters, *rest)

    return wrapped


def _signed_by_machine(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapped(handler: ServiceHandler, *request: Any, timeout: float | None = None) -> Any:
        method, path, headers, body, query = request
        role = _machine_role.get()
        if role and "Credential=test/" in headers.get("authorization", ""):
            key = service_session(role).access_key_id
            signature = headers["authorization"].replace("Credential=test/", f"Credential={key}/")
            headers = {**headers, "authorization": signature}
            _refuse_request(key, (method, path, headers, body, query))
        return call(handler, method, path, headers, body, query, timeout)

    return wrapped


def _refuse_request(key: str, request: tuple[str, str, dict[str, str], Any, Any]) -> None:
    """Fail the task whose request to one of MiniStack's own services its role does not allow."""
    method, path, headers, body, query = request
    raw = body.encode() if isinstance(body, str) else body or b""
    service = headers["authorization"].split("Credential=")[1].split("/")[3]
    action = iam_actions.extract_iam_action(service, method, path, headers, raw, query)
    if action is None:  # a service of our own: its handler asks `denial` itself
        return
    arn = iam_actions.extract_resource_arn(
        service, method, path, headers, raw, query, region(), account()
    )
    reason = denial(key, action, arn)
    if reason:
        prefix = stepfunctions._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        raise execution_error(f"{prefix}.AccessDeniedException", reason)
