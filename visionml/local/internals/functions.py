# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Lambda functions: those from images, and what a failing handler answers."""

import functools
import io
import time
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, Self

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from visionml.errors import NotFound

Bootstrap = Callable[[str, Mapping[str, Any], Mapping[str, str]], str]
"""From an image's URI, a function's ``ImageConfig`` and its variables to a shell program."""

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


def measure_every_run() -> None:
    """Give CloudWatch the metrics of every run of a function, whoever called it.

    MiniStack measures calls of ``Invoke``, and neither API Gateway's nor those of events.
    """
    run, emit = lambda_svc._execute_function_dispatch, lambda_svc._emit_lambda_metrics

    @functools.wraps(run)
    def measured(func: Any, config: Mapping[str, Any], *rest: Any) -> Any:
        began = time.perf_counter()
        result = run(func, config, *rest)
        failed = isinstance(result, dict) and bool(result.get("error"))
        took_ms = (time.perf_counter() - began) * 1000
        emit(config.get("FunctionName", "unknown"), took_ms, error=failed, throttle=False)
        return result

    @functools.wraps(emit)
    def throttled(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle and not duration_ms:  # one that was not run; the others are measured above
            emit(name, duration_ms, error=error, throttle=throttle)

    lambda_svc._execute_function_dispatch = measured
    lambda_svc._emit_lambda_metrics = throttled


def run_image_functions(bootstrap: Bootstrap) -> None:
    """Run functions from images as MiniStack runs custom runtimes: by their ``bootstrap``.

    MiniStack needs Docker for them otherwise. A function whose image is gone answers
    ``Runtime.InvalidEntrypoint``.
    """
    execute = lambda_svc._execute_function_docker

    @functools.wraps(execute)
    def executed(func: dict[str, Any], event: Any, request_id: str) -> Any:
        config = func.get("config") or func
        if config.get("PackageType") != "Image":
            return execute(func, event, request_id)
        image_config = (config.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
        variables = (config.get("Environment") or {}).get("Variables") or {}
        try:
            program = bootstrap(config["ImageUri"], image_config, variables)
        except NotFound as error:
            body = {"errorMessage": error.message, "errorType": "Runtime.InvalidEntrypoint"}
            return {"body": body, "error": True}
        custom = {**config, "Runtime": "provided.al2023"}
        return lambda_svc._execute_function_provided_warm(
            {**func, "config": custom, "code_zip": _package(program)}, event, request_id
        )

    lambda_svc._execute_function_docker = executed


def _package(program: str) -> bytes:
    """Return a deployment package of a custom runtime, equal for equal programs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bootstrap"), program)
    return buffer.getvalue()
