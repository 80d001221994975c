"""Small images go from their connection to the engine and back past ASGI.

After each prediction the processor's caches are cold: a task, its events and messages cost a
request some 150 microseconds then, which is more than parsing it and sending its answer.
`Invocations` answers the same to what is not small, not one image, or in any other way unusual.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus

from visionml.errors import RequestRefused
from visionml.serving.answers import Answer
from visionml.serving.asked import Asked
from visionml.serving.invocations import Invocations, told, too_late
from visionml.serving.limits import Place
from visionml.serving.requests import MediaType, media_type
from visionml.serving.statuses import RETRIED, status_of

log = logging.getLogger(__name__)


_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


def bare(content_type: str) -> MediaType | None:
    """Return the media type of a body that is one image; None for whatever else it may be."""
    try:
        media = media_type(content_type)
    except RequestRefused:
        return None
    return media if media.bare else None


class Direct:
    """One request on its way. To uvicorn's protocol it is what its connection is busy with."""

    __slots__ = (
        "_answered",
        "_asked",
        "_chunks",
        "_future",
        "_invocations",
        "_media",
        "_place",
        "_timer",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(
        self,
        asked: Asked,
        media: MediaType,
        invocations: Invocations,
        answered: Callable[["Direct", bytes], None],
    ) -> None:
        """Give it its time, in which the body has to come and the answer has to be found.

        `answered` is called once with a whole response, unless the caller hangs up first.
        """
        self._chunks: list[bytes] = []
        self.keep_alive = True
        """Whether the connection is for further requests; a server that stops says no."""
        self.disconnected = self.response_complete = False
        self.message_event = _NOBODY_WAITS
        self._asked, self._media, self._invocations = asked, media, invocations
        self._answered = answered
        self._place: Place | None = None
        self._future: asyncio.Future[Answer] | None = None
        seconds = invocations.engine.limits.seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def take(self, chunk: bytes) -> None:
        """Take a part of the body, unless nobody waits for it any more."""
        if not self.response_complete:
            self._chunks.append(chunk)

    def begin(self) -> None:
        """Ask the engine: the body is complete."""
        invocations, asked = self._invocations, self._asked
        chunks, self._chunks = self._chunks, []
        image = chunks[0] if len(chunks) == 1 else b"".join(chunks)  # often one, and no copy
        asked.bytes = len(image)
        try:
            engine = invocations.engine
            self._place = invocations.admission.enter()
            options = engine.options.asked(asked.attributes)
            engine.limits.check_body(len(image), bare=True)
            self._place.hold(len(image))
            self._future = engine.begin(image, self._media, options)
        except Exception as error:  # noqa: BLE001 - it is answered, as in `Invocations`
            self._refuse(error)
        else:
            self._future.add_done_callback(self._done)

    def hang_up(self) -> None:
        """Let go of a request whose caller has gone."""
        if not self.response_complete:
            self._end()
            self._invocations.log(self._asked, 499, code="disconnected")

    def _done(self, future: "asyncio.Future[Answer]") -> None:
        if future.cancelled():
            return
        if error := future.exception():
            self._refuse(error)
        else:
            answer = future.result()
            self._answer(200, answer.content)
            self._invocations.log(self._asked, 200, **told(answer))

    def _late(self) -> None:
        self._refuse(too_late(self._invocations.engine.limits))

    def _refuse(self, error: BaseException) -> None:
        status, body = status_of(error)
        if status == 500:
            log.error("An invocation failed.", exc_info=error)
        self._answer(status, body.model_dump_json().encode())
        self._invocations.log(self._asked, status, code=body.error.code)

    def _answer(self, status: int, content: bytes) -> None:
        self._end()
        close = b"" if self.keep_alive else b"connection: close\r\n"
        again = b"retry-after: 1\r\n" if status in RETRIED else b""
        head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(content)
        self._answered(self, b"".join((_LINES[status], head, again, close, b"\r\n", content)))

    def _end(self) -> None:
        self.response_complete = True
        self._timer.cancel()
        if self._future is not None and not self._future.done():
            self._future.cancel()
        if self._place is not None:
            self._place.leave()


class _NobodyWaits:
    """Stands where uvicorn wakes an application."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY_WAITS = _NobodyWaits()
