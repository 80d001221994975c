"""SageMaker's two routes: ``GET /ping`` and ``POST /invocations``."""

import asyncio
import json
import logging
import time
from contextlib import suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from visionml.contracts.inference import ErrorBody
from visionml.errors import NotServing, RequestRefused, VisionmlError
from visionml.serving.engine import Answer, Engine
from visionml.serving.limits import Admission
from visionml.serving.requests import JSON_TYPE, media_type
from visionml.serving.statuses import RETRIED, status_of

log = logging.getLogger(__name__)

_INFERENCE_ID = "x-amzn-sagemaker-inference-id"


def create(engine: Engine) -> Starlette:
    """Return the application that answers with `engine`."""

    async def ping(_: Request) -> Response:
        return Response(status_code=200 if engine.healthy else 503)

    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", Invocations(engine), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refused_by_routing, Exception: _failed},
    )


class Invocations:
    """Reads a body within the limits, has it answered in time, and logs a line about it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._admission = Admission(engine.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        line = _Line(request, self._engine.version)
        try:
            response = self._success(await self._answered(request, line), line)
        except ClientDisconnect:
            line.write(499, code="disconnected")
            return
        except VisionmlError as error:
            status, body = status_of(error)
            response = _error(status, body)
            line.write(status, code=body.error.code)
        except Exception as error:  # whatever a decoder or a model does, the process goes on
            log.exception("An invocation failed.")
            status, body = status_of(error)
            response = _error(status, body)
            line.write(status, code=body.error.code, error=type(error).__name__)
        await response(scope, receive, send)

    def _success(self, answer: Answer, line: "_Line") -> Response:
        line.write(
            200,
            decode_ms=round(answer.decode_ms, 2),
            model_ms=round(answer.model_ms, 2),
        )
        return Response(answer.content, media_type="application/json")

    async def _answered(self, request: Request, line: "_Line") -> Answer:
        kind = media_type(request.headers.get("content-type", ""))
        self._admission.enter()
        body = _Body()
        try:
            async with asyncio.timeout(self._engine.limits.seconds):
                await self._read(request, body, encoded=kind == JSON_TYPE)
                line.bytes = body.held
                return await self._engine.answer(b"".join(body.chunks), kind)
        except TimeoutError:
            raise NotServing(
                f"There was no answer within {self._engine.limits.seconds:g} s.",
                code="timeout",
                hint="Try again, with a smaller image if it is large.",
            ) from None
        finally:
            self._admission.leave(body.held)

    async def _read(self, request: Request, body: "_Body", *, encoded: bool) -> None:
        limits = self._engine.limits
        with suppress(ValueError):
            # refused before it is sent, where the caller waits for "100 Continue"
            limits.check_body(int(request.headers.get("content-length", "0")), encoded=encoded)
        async for chunk in request.stream():
            limits.check_body(body.held + len(chunk), encoded=encoded)
            self._admission.hold(len(chunk))
            body.held += len(chunk)
            body.chunks.append(chunk)


class _Body:
    """A body as far as it was read."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.held = 0


class _Line:
    """One request's log line: JSON, without a word of the payload."""

    def __init__(self, request: Request, version: str | None) -> None:
        self._started = time.perf_counter()
        self._request = request
        self._version = version
        self.bytes = 0

    def write(self, status: int, **more: object) -> None:
        record = {
            "event": "invocation",
            "status": status,
            "milliseconds": round((time.perf_counter() - self._started) * 1e3, 2),
            "bytes": self.bytes,
            "content_type": self._request.headers.get("content-type", "")[:100],
            "inference_id": self._request.headers.get(_INFERENCE_ID, "")[:100] or None,
            "model_version": self._version,
            **more,
        }
        log.info("%s", json.dumps(record))


def _error(status: int, body: ErrorBody) -> Response:
    headers = {"Retry-After": "1"} if status in RETRIED else None
    return Response(body.model_dump_json(), status, headers, media_type="application/json")


async def _refused_by_routing(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(status, f"http_{status}")
    refusal = RequestRefused(
        "Only GET /ping and POST /invocations are served.", code=code, status=status
    )
    return _error(*status_of(refusal))


async def _failed(_: Request, error: Exception) -> Response:
    return _error(*status_of(error))
