"""Invocations as the ASGI application sees them: read, answered, logged."""

import asyncio
import logging
import time

from starlette.types import Receive, Scope, Send

from visionml.errors import NotServing, VisionmlError
from visionml.serving.answers import Answer
from visionml.serving.asked import Asked
from visionml.serving.engine import Engine
from visionml.serving.journal import Journal
from visionml.serving.limits import Admission, Place, RequestLimits
from visionml.serving.requests import media_type
from visionml.serving.statuses import RETRIED, status_of

log = logging.getLogger(__name__)

PATH = "/invocations"


class Invocations:
    """Reads a body within the limits, has it answered in time, and logs a line about it."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self.engine = engine
        self.admission = Admission(engine.limits)
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = Asked(scope["headers"], scope.get("path_params", {}).get("name", ""))
        request = _Incoming(asked, receive)
        try:
            answer = await self._answered(request)
        except _Disconnected:
            self.log(asked, 499, code="disconnected")
        except VisionmlError as error:
            await self._refuse(send, asked, error)
        except Exception as error:  # whatever a decoder or a model does, the process goes on
            log.exception("An invocation failed.")
            await self._refuse(send, asked, error)
        else:
            await _send(send, 200, answer.content)
            self.log(asked, 200, **told(answer))

    async def _answered(self, request: "_Incoming") -> Answer:
        limits, asked = self.engine.limits, request.asked
        place = self.admission.enter()
        try:
            options = self.engine.options.asked(asked.attributes)
            media = media_type(asked.content_type)
            async with asyncio.timeout(limits.seconds):
                limits.check_body(asked.announced, bare=media.bare)
                await self._read(request, place, bare=media.bare)
                return await self.engine.answer(
                    request.taken(), media, place, options, asked.target
                )
        except TimeoutError:
            raise too_late(limits) from None
        finally:
            place.leave()

    async def _read(self, request: "_Incoming", place: Place, *, bare: bool) -> None:
        more = True
        while more:
            chunk, more = await request.chunk()
            self.engine.limits.check_body(request.asked.bytes + len(chunk), bare=bare)
            place.hold(len(chunk))
            request.keep(chunk)

    async def _refuse(self, send: Send, asked: Asked, error: Exception) -> None:
        status, body = status_of(error)
        await _send(send, status, body.model_dump_json().encode())
        self.log(asked, status, code=body.error.code)

    def log(self, asked: Asked, status: int, **more: object) -> None:
        """Tell the journal, without a word of the payload."""
        record = {
            "event": "invocation",
            "status": status,
            "milliseconds": round((time.perf_counter() - asked.started) * 1e3, 2),
            "bytes": asked.bytes,
            "content_type": asked.content_type[:100],
            "inference_id": asked.inference_id[:100] or None,
            "model_version": self.engine.version,
            **({"target_model": asked.target[:100]} if asked.target else {}),
            **more,
        }
        self._journal.note(record)


def told(answer: Answer) -> dict[str, object]:
    """Return what the log says of an answer, beside what it says of every request."""
    told: dict[str, object] = {
        "decode_ms": round(answer.decode_ms, 2),
        "model_ms": round(answer.model_ms, 2),
        "model_version": answer.version,
    }
    if answer.images != 1:
        told |= {"images": answer.images, "images_refused": answer.refused}
    return told


def too_late(limits: RequestLimits) -> NotServing:
    """Return what a request is told that has had its time."""
    milliseconds = round(limits.seconds * 1e3)
    return NotServing(
        f"There was no answer within {milliseconds:,} ms.",
        code="timeout",
        limit=milliseconds,
        hint="Try again, with a smaller image if it is large.",
    )


class _Disconnected(Exception):
    """The caller hung up before its request was complete."""


class _Incoming:
    """One request and its body, as far as it has come."""

    def __init__(self, asked: Asked, receive: Receive) -> None:
        self.asked = asked
        self._receive = receive
        self._chunks: list[bytes] = []

    async def chunk(self) -> tuple[bytes, bool]:
        """Return the next part of the body, and whether there are more."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        return message.get("body", b""), message.get("more_body", False)

    def keep(self, chunk: bytes) -> None:
        """Add a part to the body."""
        self.asked.bytes += len(chunk)
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
