# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Lambda functions: what a failing handler answers."""

import functools
from typing import Any, Self

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

WORKER_REPORT = '"error": str(e), "trace": traceback.format_exc()'
"""What MiniStack's Python worker says of an exception."""


class _Raised(str):
    """A handler's exception on its way from the worker to the answer: its text, type and stack."""

    kind: str
    stack: list[str]

    def __new__(cls, text: str, kind: str, stack: list[str]) -> Self:
        raised = super().__new__(cls, text)
        raised.kind, raised.stack = kind, stack
        return raised


def name_handler_errors() -> None:
    """Answer the type and stack of a Python handler's exception, as Lambda does.

    MiniStack answers ``Runtime.HandlerError`` for all of them, which no state machine can tell
    apart in its ``Retry`` and ``Catch``.
    """
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        WORKER_REPORT, f'{WORKER_REPORT}, "kind": type(e).__name__'
    )
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm

    @functools.wraps(invoke)
    def invoked(worker: Any, *given: Any, **named: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(worker, *given, **named)
        if "kind" in result:
            stack = str(result.get("trace", "")).splitlines()
            result["error"] = _Raised(result["error"], result["kind"], stack)
        return result

    @functools.wraps(execute)
    def executed(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = execute(func, event, request_id)
        body = answer.get("body")
        raised = body.get("errorMessage") if isinstance(body, dict) else None
        if isinstance(raised, _Raised):
            answer["body"] = {
                "errorMessage": str(raised),
                "errorType": raised.kind,
                "requestId": request_id,
                "stackTrace": raised.stack,
            }
        return answer

    lambda_runtime.Worker.invoke = invoked
    lambda_svc._execute_function_warm = executed
