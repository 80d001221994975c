"""SageMaker's two routes: ``GET /ping`` and ``POST /invocations``."""

import asyncio
import json
import logging
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visionml.errors import NotServing, RequestRefused, VisionmlError
from visionml.serving.engine import Answer, Engine
from visionml.serving.limits import Admission
from visionml.serving.requests import JSON_TYPE, media_type
from visionml.serving.statuses import RETRIED, status_of

log = logging.getLogger(__name__)


def create(engine: Engine) -> ASGIApp:
    """Return the application that answers with `engine`.

    Invocations go past Starlette's routing and middleware: after each prediction the processor's
    caches are cold, and every further call of a function shows in the throughput.
    """
    invocations = Invocations(engine)

    async def ping(_: Request) -> Response:
        return Response(status_code=200 if engine.healthy else 503)

    rest = Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", invocations, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refused_by_routing},
    )

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        hot = scope["type"] == "http" and scope["path"] == "/invocations"
        if hot and scope["method"] == "POST":
            await invocations(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return application


class Invocations:
    """Reads a body within the limits, has it answered in time, and logs a line about it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._admission = Admission(engine.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = _Incoming(scope, receive)
        try:
            answer = await self._answered(request)
        except _Disconnected:
            self._log(request, 499, code="disconnected")
        except VisionmlError as error:
            await self._refuse(send, request, error)
        except Exception as error:  # whatever a decoder or a model does, the process goes on
            log.exception("An invocation failed.")
            await self._refuse(send, request, error)
        else:
            await _send(send, 200, answer.content)
            times = {
                "decode_ms": round(answer.decode_ms, 2),
                "model_ms": round(answer.model_ms, 2),
            }
            self._log(request, 200, **times)

    async def _answered(self, request: "_Incoming") -> Answer:
        kind = media_type(request.content_type)
        limits = self._engine.limits
        self._admission.enter()
        try:
            async with asyncio.timeout(limits.seconds):
                limits.check_body(request.announced, encoded=kind == JSON_TYPE)
                more = True
                while more:
                    chunk, more = await request.chunk()
                    limits.check_body(request.bytes + len(chunk), encoded=kind == JSON_TYPE)
                    self._admission.hold(len(chunk))
                    request.keep(chunk)
                return await self._engine.answer(request.body(), kind)
        except TimeoutError:
            raise NotServing(
                f"There was no answer within {limits.seconds:g} s.",
                code="timeout",
                hint="Try again, with a smaller image if it is large.",
            ) from None
        finally:
            self._admission.leave(request.bytes)

    async def _refuse(self, send: Send, request: "_Incoming", error: Exception) -> None:
        status, body = status_of(error)
        await _send(send, status, body.model_dump_json().encode())
        self._log(request, status, code=body.error.code)

    def _log(self, request: "_Incoming", status: int, **more: object) -> None:
        """Write one line of JSON, without a word of the payload."""
        record = {
            "event": "invocation",
            "status": status,
            "milliseconds": round((time.perf_counter() - request.started) * 1e3, 2),
            "bytes": request.bytes,
            "content_type": request.content_type[:100],
            "inference_id": request.inference_id[:100] or None,
            "model_version": self._engine.version,
            **more,
        }
        log.info("%s", json.dumps(record))


class _Disconnected(Exception):
    """The caller hung up before its request was complete."""


class _Incoming:
    """One request's headers and its body, as far as it has come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.started = time.perf_counter()
        self.content_type = self.inference_id = ""
        self.announced = self.bytes = 0
        self._receive = receive
        self._chunks: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit():
                self.announced = int(value)
            elif name == b"x-amzn-sagemaker-inference-id":
                self.inference_id = value.decode("latin-1")

    async def chunk(self) -> tuple[bytes, bool]:
        """Return the next part of the body, and whether there are more."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        return message.get("body", b""), message.get("more_body", False)

    def keep(self, chunk: bytes) -> None:
        """Add a part to the body."""
        self.bytes += len(chunk)
        self._chunks.append(chunk)

    def body(self) -> bytes:
        """Return the whole body."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


async def _send(send: Send, status: int, content: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    if status in RETRIED:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _refused_by_routing(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(status, f"http_{status}")
    refusal = RequestRefused(
        "Only GET /ping and POST /invocations are served.", code=code, status=status
    )
    body = status_of(refusal)[1]
    return Response(body.model_dump_json(), status, media_type="application/json")
