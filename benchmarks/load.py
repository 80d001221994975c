"""A load generator that costs a few microseconds a request: raw sockets, one request ready made.

The request lies in a file in memory from which the kernel sends it, so that a large one is copied
once, by the server that receives it.
"""

import os
import selectors
import socket
import struct
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field

_PATIENCE = struct.pack("ll", 30, 0)  # a timeval: seconds and microseconds


@dataclass
class Load:
    """What a run of requests came to."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests answered each second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Caller:
    """Sends the same body to one server over and over."""

    def __init__(
        self,
        port: int,
        body: bytes,
        *,
        content_type: str = "image/jpeg",
        path: str = "/invocations",
        attributes: str = "",
        connections: int = 8,
    ) -> None:
        asked = f"X-Amzn-SageMaker-Custom-Attributes: {attributes}\r\n" if attributes else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
            f"{asked}Content-Length: {len(body)}\r\n\r\n"
        )
        self._port = port
        self._bytes = len(head) + len(body)
        self._request = os.memfd_create("request")
        os.write(self._request, head.encode() + body)
        self._connections = connections

    def __del__(self) -> None:
        os.close(self._request)

    def warm_up(self, seconds: float, *, patience_seconds: float = 60.0) -> None:
        """Send for a while; a server that takes connections before it answers is waited for."""
        give_up = time.perf_counter() + patience_seconds
        while True:
            try:
                self.closed_loop(seconds)
            except (OSError, RuntimeError):
                if time.perf_counter() > give_up:
                    raise
                time.sleep(0.5)
            else:
                return

    def closed_loop(self, seconds: float) -> Load:
        """Send on every connection as soon as its answer is there."""
        return self._connected(seconds, every=None)

    def steady(self, seconds: float, *, rate: float) -> Load:
        """Send `rate` requests a second whatever happens; latency counts from when one was due."""
        return self._connected(seconds, every=1 / rate)

    def _connected(self, seconds: float, *, every: float | None) -> Load:
        with ExitStack() as stack:
            sockets = [
                stack.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=30))
                for _ in range(self._connections)
            ]
            for connection in sockets:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
                connection.setblocking(True)
            return self._run(sockets, seconds, every=every)

    def _run(self, sockets: list[socket.socket], seconds: float, *, every: float | None) -> Load:
        load, selector = Load(), selectors.DefaultSelector()
        idle = deque(sockets)  # they take turns, as connections of a balancer do
        due: dict[socket.socket, float] = {}
        missing: dict[socket.socket, int] = {}
        for connection in sockets:
            selector.register(connection, selectors.EVENT_READ)
        began = time.perf_counter()
        end, next_due = began + seconds, began
        while (now := time.perf_counter()) < end or due:
            while idle and now < end and (every is None or next_due <= now):
                connection = idle.popleft()
                due[connection] = now if every is None else next_due
                missing[connection] = 0
                self._send(connection)
                next_due += every or 0.0
                now = time.perf_counter()
            pause = 0.5 if every is None or not idle else max(0.0, min(0.5, next_due - now))
            for key, _ in selector.select(pause):
                connection = key.fileobj  # type: ignore[assignment]
                missing[connection] += _missing(connection.recv(65536))
                if missing[connection] == 0:
                    load.latencies.append(time.perf_counter() - due.pop(connection))
                    idle.append(connection)
        load.seconds = time.perf_counter() - began
        selector.close()
        return load

    def _send(self, connection: socket.socket) -> None:
        sent = 0
        while sent < self._bytes:
            sent += os.sendfile(connection.fileno(), self._request, sent, self._bytes - sent)


def _missing(received: bytes) -> int:
    """Return how many bytes of an answer are yet to come; negative for bytes after its head."""
    if not received.startswith(b"HTTP/1.1"):
        return -len(received)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(received.decode(errors="replace"))
    start = head.lower().index(b"content-length: ") + 16
    return int(head[start : start + 12].partition(b"\r")[0]) - len(body)
