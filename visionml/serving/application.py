"""SageMaker's routes: ``/ping``, ``/invocations`` and, for several models, ``/models``."""

import asyncio
import logging
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visionml.errors import NotServing, RequestRefused, VisionmlError
from visionml.serving.administration import routes
from visionml.serving.answers import Answer
from visionml.serving.engine import Engine
from visionml.serving.journal import Journal
from visionml.serving.limits import Admission, Place
from visionml.serving.requests import media_type
from visionml.serving.statuses import RETRIED, status_of

log = logging.getLogger(__name__)


def create(engine: Engine, journal: Journal | None = None) -> ASGIApp:
    """Return the application that answers with `engine` and tells `journal` of invocations.

    Invocations go past Starlette's routing and middleware: after each prediction the processor's
    caches are cold, and every further call of a function shows in the throughput.
    """
    invocations = Invocations(engine, journal or Journal())

    async def ping(_: Request) -> Response:
        return Response(status_code=200 if engine.healthy else 503)

    rest = Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", invocations, methods=["POST"]),
            *routes(engine, invocations),
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

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
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
            self._log(request, 200, **_told(answer))

    async def _answered(self, request: "_Incoming") -> Answer:
        limits = self._engine.limits
        place = self._admission.enter()
        try:
            options = self._engine.options.asked(request.attributes)
            media = media_type(request.content_type)
            async with asyncio.timeout(limits.seconds):
                limits.check_body(request.announced, bare=media.bare)
                await self._read(request, place, bare=media.bare)
                return await self._engine.answer(
                    request.taken(), media, place, options, request.target
                )
        except TimeoutError:
            milliseconds = round(limits.seconds * 1e3)
            raise NotServing(
                f"There was no answer within {milliseconds:,} ms.",
                code="timeout",
                limit=milliseconds,
                hint="Try again, with a smaller image if it is large.",
            ) from None
        finally:
            place.leave()

    async def _read(self, request: "_Incoming", place: Place, *, bare: bool) -> None:
        more = True
        while more:
            chunk, more = await request.chunk()
            self._engine.limits.check_body(request.bytes + len(chunk), bare=bare)
            place.hold(len(chunk))
            request.keep(chunk)

    async def _refuse(self, send: Send, request: "_Incoming", error: Exception) -> None:
        status, body = status_of(error)
        await _send(send, status, body.model_dump_json().encode())
        self._log(request, status, code=body.error.code)

    def _log(self, request: "_Incoming", status: int, **more: object) -> None:
        """Tell the journal, without a word of the payload."""
        record = {
            "event": "invocation",
            "status": status,
            "milliseconds": round((time.perf_counter() - request.started) * 1e3, 2),
            "bytes": request.bytes,
            "content_type": request.content_type[:100],
            "inference_id": request.inference_id[:100] or None,
            "model_version": self._engine.version,
            **({"target_model": request.target[:100]} if request.target else {}),
            **more,
        }
        self._journal.note(record)


def _told(answer: Answer) -> dict[str, object]:
    """Return what the log says of an answer, beside what it says of every request."""
    told: dict[str, object] = {
        "decode_ms": round(answer.decode_ms, 2),
        "model_ms": round(answer.model_ms, 2),
        "model_version": answer.version,
    }
    if answer.images != 1:
        told |= {"images": answer.images, "images_refused": answer.refused}
    return told


class _Disconnected(Exception):
    """The caller hung up before its request was complete."""


class _Incoming:
    """One request's headers and its body, as far as it has come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.started = time.perf_counter()
        self.content_type = self.inference_id = self.attributes = ""
        self.target: str = scope.get("path_params", {}).get("name", "")
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
            elif name == b"x-amzn-sagemaker-custom-attributes":
                self.attributes = value.decode("latin-1")
            elif name == b"x-amzn-sagemaker-target-model" and not self.target:
                self.target = value.decode("latin-1")

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

    def taken(self) -> bytes:
        """Return the whole body, and let go of it."""
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


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
        "Images are answered at POST /invocations; GET /ping says whether they are.",
        code=code,
        status=status,
    )
    body = status_of(refusal)[1]
    return Response(body.model_dump_json(), status, media_type="application/json")
