"""The proxy's client: bodies of both framings, kept connections, broken answers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from visionml.local.sagemaker.http1 import Answer, BadAnswer, Pool, Unreachable

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answers(*replies: bytes, close: bool = False) -> tuple[Talk, list[int]]:
    """Return a server that gives these replies in turn, and counts its connections."""
    left = list(replies)
    connections: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        while left:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(left.pop(0))
            await writer.drain()
            if close:
                break
        writer.close()

    return talk, connections


def exchange(talk: Talk, requests: int = 1, *, pause: float = 0) -> list[Answer]:
    async def run() -> list[Answer]:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        pool = Pool(server.sockets[0].getsockname()[1])
        got = []
        try:
            for _ in range(requests):
                got.append(await pool.request("POST", "/invocations", {"accept": "*/*"}, b"body"))
                await asyncio.sleep(pause)
        finally:
            pool.close()
            server.close()
        return got

    return asyncio.run(run())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"


def test_a_body_of_known_length() -> None:
    talk, _ = answers(OK)
    assert exchange(talk) == [Answer(200, {"content-length": "2", "x-a": "b"}, b"hi")]


def test_a_body_in_chunks() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
    )
    talk, connections = answers(chunked, OK)
    first, second = exchange(talk, 2)
    assert (first.body, second.body) == (b"abcde", b"hi")
    assert len(connections) == 1


def test_a_body_until_the_end_of_the_connection() -> None:
    talk, _ = answers(b"HTTP/1.0 500 No\r\n\r\nlong answer", close=True)
    assert exchange(talk)[0] == Answer(500, {}, b"long answer")


def test_a_connection_is_used_again() -> None:
    talk, connections = answers(OK, OK, OK)
    exchange(talk, 3)
    assert len(connections) == 1


def test_an_idle_connection_that_was_closed_is_replaced() -> None:
    talk, connections = answers(OK, OK, close=True)
    assert [answer.body for answer in exchange(talk, 2, pause=0.05)] == [b"hi", b"hi"]
    assert len(connections) == 2


def test_a_server_that_wants_to_close_gets_a_new_connection() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    talk, connections = answers(closing, OK)
    exchange(talk, 2)
    assert len(connections) == 2


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"],
)
def test_half_an_answer_is_a_bad_answer(reply: bytes) -> None:
    talk, _ = answers(reply, close=True)
    with pytest.raises(BadAnswer):
        exchange(talk)


def test_nobody_on_the_port_is_unreachable() -> None:
    async def run() -> None:
        server = await asyncio.start_server(answers()[0], "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await Pool(port).request("POST", "/invocations", {}, b"")

    with pytest.raises(Unreachable):
        asyncio.run(run())
