"""A keep-alive HTTP/1.1 client for one container, as thin as a proxy needs it.

A general client costs about a millisecond a request; what a container's server on this machine
answers is a status line, headers and a body of known length or in chunks.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEADER_BYTES = 64 * 1024


class BadAnswer(Exception):
    """The container's answer is not HTTP/1.1, or ended early."""


class Unreachable(Exception):
    """The container takes no connection."""


@dataclass(frozen=True)
class Answer:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Pool:
    """Connections to a port of 127.0.0.1; used on one event loop only."""

    port: int
    _idle: deque[_Connection] = field(default_factory=deque)

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request and return the answer.

        Raises
        ------
        Unreachable
            Nobody took the request; it may be sent to another.
        BadAnswer
            The request was taken and not answered properly.
        """
        message = _message(method, path, self.port, headers, body)
        while self._idle:
            reader, writer = self._idle.pop()
            if reader.at_eof() or writer.is_closing():
                writer.close()
                continue
            try:
                return await self._exchange(reader, writer, message)
            except _Unanswered:  # a server may close an idle connection at any moment
                break
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, limit=_HEADER_BYTES
            )
        except OSError as error:
            raise Unreachable(str(error)) from error
        try:
            return await self._exchange(reader, writer, message)
        except _Unanswered as error:
            raise BadAnswer("The container closed the connection without an answer.") from error

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: list[bytes]
    ) -> Answer:
        reusable = False
        try:
            try:
                writer.writelines(message)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise BadAnswer("The answer ended in its headers.") from error
                raise _Unanswered from error
            except asyncio.LimitOverrunError as error:
                raise BadAnswer("The answer's headers are too long.") from error
            status, headers = _head(head)
            try:
                body = await _body(reader, status, headers)
            except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
                raise BadAnswer("The answer ended in its body.") from error
            reusable = headers.get("connection", "").lower() != "close" and _framed(headers)
            return Answer(status, headers, body)
        finally:
            if reusable:
                self._idle.append((reader, writer))
            else:
                writer.close()


class _Unanswered(Exception):
    """The connection ended before a byte of the answer came."""


def _message(
    method: str, path: str, port: int, headers: Mapping[str, str], body: bytes
) -> list[bytes]:
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return ["\r\n".join(lines).encode("latin-1", "replace"), body]


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise BadAnswer(f"The answer begins with {first[:80]!r}.")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(parts[1]), headers


def _framed(headers: Mapping[str, str]) -> bool:
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    if status in (204, 304):
        return b""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";", 1)[0], 16)
        if size == 0:
            while (await reader.readuntil(b"\r\n")) != b"\r\n":
                pass
            return b"".join(parts)
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
