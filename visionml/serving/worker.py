"""One worker process: uvicorn on connections that the listening process accepted."""

import asyncio
import gc
import logging
import socket
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from visionml.serving.application import create
from visionml.serving.asked import Asked
from visionml.serving.direct import Direct, bare
from visionml.serving.engine import Engine
from visionml.serving.invocations import PATH, Invocations
from visionml.serving.journal import Journal
from visionml.serving.models import Shelf
from visionml.serving.process import CLOSED, READ_AHEAD_BYTES, READY
from visionml.serving.references import Sources
from visionml.serving.settings import ServerSettings

_PATH = PATH.encode()
_KEEP_ALIVE_SECONDS = 75
_LAST_ARRIVALS_SECONDS = 0.05
_COLLECTIONS = (20_000, 50, 100)
"""Objects and collections until the collector looks: a request makes some hundred objects, none of
which outlives it, so that Python's own 700 would have it look every few requests, in vain."""


def run(settings: ServerSettings, channel: socket.socket, state: Path) -> None:
    """Load and warm the model, say so on `channel`, and serve the connections it brings.

    The folder `state` is shared by all workers.

    Raises
    ------
    VisionmlError
        The model cannot be loaded.
    """
    # Log records here say nothing of threads, processes and lines of code: do not look them up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as "Optimization" in logging's documentation says
    journal = Journal(gather=True)
    invocations = Invocations(_warm(settings, state), journal)
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)
    config = uvicorn.Config(
        create(invocations),
        loop="uvloop",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    Server(config, channel, journal, invocations).run()


def _warm(settings: ServerSettings, state: Path) -> Engine:
    limits = settings.limits
    shelf = None
    if settings.shelf is not None:
        shelf = Shelf(state, root=settings.model.parent, limits=settings.shelf)
    engine = Engine.load(
        settings.model_folder,
        limits,
        options=settings.options,
        sources=Sources(settings.buckets, limits.image),
        shelf=shelf,
    )
    engine.warm_up()
    return engine


class Server(uvicorn.Server):
    """uvicorn, fed with accepted connections in place of a port to listen on."""

    def __init__(
        self,
        config: uvicorn.Config,
        channel: socket.socket,
        journal: Journal,
        invocations: Invocations,
    ) -> None:
        super().__init__(config)
        self.invocations = invocations
        self._channel = channel
        self._journal = journal
        self._arrivals: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Listen to the channel in place of a port, and say that the server is ready."""
        self.servers = []
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._arrived)
        self._channel.send(READY)
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what was handed over already, answer it, and end."""
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        while self._adopt():  # what was handed over before the listening process stopped
            pass
        await asyncio.sleep(_LAST_ARRIVALS_SECONDS)
        await super().shutdown(sockets)
        self._journal.flush()

    async def on_tick(self, counter: int) -> bool:
        """Write what was logged in the tenth of a second that has passed."""
        self._journal.flush()
        return await super().on_tick(counter)

    def closed(self) -> None:
        """Tell the listening process that this one has a connection less."""
        try:
            self._channel.send(CLOSED)
        except OSError:  # it is gone, or has not listened for a long time
            self.should_exit = True

    def _arrived(self) -> None:
        if not self._adopt():  # readable, yet empty: the listening process ended
            self.should_exit = True
            asyncio.get_running_loop().remove_reader(self._channel.fileno())

    def _adopt(self) -> bool:
        """Take a connection from the channel; return whether there was one."""
        try:
            _, handles, _, _ = socket.recv_fds(self._channel, 1, 1)
        except OSError:
            return False
        for handle in handles:
            arrival = asyncio.ensure_future(self._serve_connection(socket.socket(fileno=handle)))
            self._arrivals.add(arrival)
            arrival.add_done_callback(self._arrivals.discard)
        return bool(handles)

    async def _serve_connection(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Connection(self), connection)


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, which hands small images straight to the engine."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.config, server.server_state, {})
        self._server = server
        self._direct: Direct | None = None
        """The request that is under way, if it goes past the application."""

    def on_message_begin(self) -> None:
        """Begin to read headers. What ASGI needs is made for those whom the application answers."""
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        """Begin a request: past the application if it is a usual one."""
        before: object = self.cycle
        idle = before is None or self.cycle.response_complete
        self._direct = self._usual() if idle and not self.flow.write_paused else None
        if self._direct is None:
            url, headers, expects = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expects
            self.scope["headers"] = self.headers = headers
            super().on_headers_complete()
        else:
            self.cycle = cast("RequestResponseCycle", self._direct)

    def _usual(self) -> Direct | None:
        parser = self.parser
        usual = (
            self.url == _PATH
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not self.expect_100_continue
            and not parser.should_upgrade()
        )
        if not usual:
            return None
        asked = Asked(self.headers)
        media = bare(asked.content_type)
        if media is None or asked.target or not 0 < asked.announced <= READ_AHEAD_BYTES:
            return None
        return Direct(asked, media, self._server.invocations, self._answered)

    def on_body(self, body: bytes) -> None:
        """Wake the application for a small body once, when all of it is there."""
        if self._direct is not None:
            self._direct.take(body)
            return
        cycle = self.cycle
        small = len(cycle.body) + len(body) <= READ_AHEAD_BYTES
        if small and not cycle.response_complete and not self.parser.should_upgrade():
            cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer a request whose body is complete."""
        if self._direct is None:
            super().on_message_complete()
        elif not self._direct.response_complete:
            self._direct.begin()

    def _answered(self, direct: Direct, response: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(response)
            if not direct.keep_alive:
                self.transport.close()
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what is under way, and tell the server."""
        if self._direct is not None:
            self._direct.hang_up()
        super().connection_lost(exc)
        self._server.closed()
