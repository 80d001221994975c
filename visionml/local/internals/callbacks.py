# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Tasks that wait for their token to come back: who may return it, and what ends them early."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import stepfunctions

from visionml.local.internals.states import execution

_machines: dict[str, str] = {}
"""The state machine whose task waits for a token."""
_waiting: dict[int, str] = {}
"""The token of the task that a thread is starting, by the payload that it hands over."""


def keep_callbacks() -> None:
    """Hold those who return a token to the state machine's ARN, and fail a task whose call fails.

    MiniStack knows no resource of ``SendTaskSuccess`` and its kin, and lets a task wait to its
    end whose Lambda function has raised an error.
    """
    stepfunctions._invoke_with_callback = _remembered(stepfunctions._invoke_with_callback)
    stepfunctions._call_lambda = _heard(stepfunctions._call_lambda)
    iam_actions.extract_resource_arn = _named(iam_actions.extract_resource_arn)


def _remembered(invoke: Any) -> Any:
    @functools.wraps(invoke)
    def wrapped(resource: str, given: Any, token: str, state: Any) -> Any:
        _machines[token] = str(execution().get("stateMachineArn", ""))
        payload = given.get("Payload", given) if isinstance(given, Mapping) else given
        _waiting[id(payload)] = token
        try:
            return invoke(resource, given, token, state)
        finally:
            _machines.pop(token, None)
            _waiting.pop(id(payload), None)

    return wrapped


def _heard(call: Any) -> Any:
    @functools.wraps(call)
    def wrapped(function: str, event: Any) -> Any:
        token = _waiting.get(id(event))
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as error:
            info = stepfunctions._task_tokens.get(token) if token else None
            if info is None:
                raise
            info["error"] = {"Error": error.error, "Cause": error.cause}
            info["event"].set()
            return None

    return wrapped


def _named(extract: Any) -> Any:
    @functools.wraps(extract)
    def wrapped(service: str, *request: Any) -> Any:
        found = extract(service, *request)
        if service != "states" or found != "*":
            return found
        try:
            token = json.loads(request[3] or b"{}").get("taskToken")
        except (ValueError, AttributeError):
            return found
        return _machines.get(token, found)

    return wrapped
