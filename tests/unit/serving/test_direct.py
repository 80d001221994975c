"""Small images are answered past the application, and as the application answers."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import uvicorn
from PIL import Image
from starlette.responses import Response
from starlette.types import ASGIApp

from tests.fakes import models
from tests.fakes.container import HeldModel, post, warm
from tests.fakes.pictures import encoded
from visionml.serving.application import create
from visionml.serving.engine import Engine
from visionml.serving.invocations import Invocations
from visionml.serving.journal import Journal
from visionml.serving.limits import RequestLimits
from visionml.serving.process import READ_AHEAD_BYTES
from visionml.serving.worker import Connection, Server

T = TypeVar("T")
LIGHT = encoded(Image.new("RGB", (48, 48), (240, 240, 240)), "JPEG")
TEAPOT = Response(status_code=418)
"""What answers in place of the application, to tell who answered."""


class Line:
    """A connection to a server in this process."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.server, self.reader, self.writer = server, reader, writer

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(each.lower().split(": ", 1) for each in head[1:] if each)
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body


@contextlib.asynccontextmanager
async def line(invocations: Invocations, application: ASGIApp) -> AsyncIterator[Line]:
    config = uvicorn.Config(application, lifespan="off", log_config=None, server_header=False)
    config.load()
    channel, other = socket.socketpair()
    here, there = socket.socketpair()
    there.setblocking(False)
    server = Server(config, channel, Journal(), invocations)
    loop = asyncio.get_running_loop()
    await loop.connect_accepted_socket(lambda: Connection(server), there)
    reader, writer = await asyncio.open_connection(sock=here)
    try:
        yield Line(server, reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        while server.server_state.connections:
            await asyncio.sleep(0)
        channel.close()
        other.close()


def talk(
    engine: Engine, work: Callable[[Line], Awaitable[T]], *, application: ASGIApp | None = None
) -> T:
    """Return what came of a connection's traffic; bounded in time."""
    invocations = Invocations(engine, Journal())

    async def session() -> T:
        async with (
            asyncio.timeout(20),
            line(invocations, application or create(invocations)) as found,
        ):
            return await work(found)

    result = asyncio.run(session())
    assert (invocations.admission.requests, invocations.admission.bytes) == (0, 0)
    return result


def request(
    body: bytes = LIGHT,
    *headers: str,
    kind: str = "image/jpeg",
    path: str = "/invocations",
    version: str = "1.1",
    length: int | None = None,
) -> bytes:
    sent = len(body) if length is None else length
    lines = [f"POST {path} HTTP/{version}", "Host: box", f"Content-Type: {kind}", *headers]
    return "\r\n".join([*lines, f"Content-Length: {sent}", "", ""]).encode() + body


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("model")
    models.write_brightness_model(folder)
    return warm(Engine.load(folder, RequestLimits()))


@pytest.mark.parametrize(
    ("kind", "body"), [("image/jpeg", LIGHT), ("application/x-image", LIGHT), ("image/png", LIGHT)]
)
def test_it_answers_as_the_application_does(engine: Engine, kind: str, body: bytes) -> None:
    async def work(box: Line) -> tuple[int, dict[str, str], bytes]:
        await box.send(request(body, kind=kind))
        return await box.answer()

    status, headers, content = talk(engine, work, application=TEAPOT)
    expected = post(engine, body, {"Content-Type": kind})
    assert (status, content) == (expected.status_code, expected.content)
    assert headers == {name.lower(): value for name, value in expected.headers.items()}


@pytest.mark.parametrize(
    "unusual",
    [
        request(version="1.0"),
        request(LIGHT, "Connection: close"),
        request(LIGHT, "X-Amzn-SageMaker-Target-Model: one.tar.gz"),
        request(LIGHT, path="/invocations?a=1"),
        request(LIGHT, path="/invocation"),
        request(LIGHT, path="/models/one/invoke"),
        request(b'{"image": ""}', kind="application/json"),
        request(LIGHT, kind="image/gif"),
        request(b""),
        request(b"x" * (READ_AHEAD_BYTES + 1)),
        request(LIGHT).replace(b"POST", b"PUT"),
        b"POST /invocations HTTP/1.1\r\nContent-Type: image/jpeg\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
)
def test_what_is_unusual_is_left_to_the_application(engine: Engine, unusual: bytes) -> None:
    async def work(box: Line) -> int:
        await box.send(unusual)
        return (await box.answer())[0]

    assert talk(engine, work, application=TEAPOT) == 418


def test_a_caller_who_waits_to_be_told_to_go_on_is_told(engine: Engine) -> None:
    async def work(box: Line) -> list[int]:
        await box.send(request(b"", "Expect: 100-continue", length=len(LIGHT)))
        first = (await box.answer())[0]
        await box.send(LIGHT)
        return [first, (await box.answer())[0]]

    assert talk(engine, work) == [100, 200]


def test_a_body_may_come_in_pieces_and_requests_may_follow_each_other(engine: Engine) -> None:
    whole = request()

    async def work(box: Line) -> list[int]:
        for piece in (whole[:30], whole[30:200], whole[200:]):
            await box.send(piece)
            await asyncio.sleep(0.01)
        first = (await box.answer())[0]
        await box.send(whole * 3)  # the second is not begun before the first is answered
        return [first, *[(await box.answer())[0] for _ in range(3)]]

    assert talk(engine, work) == [200] * 4


def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    model = HeldModel()

    async def work(box: Line) -> None:
        invocations = box.server.invocations
        places = [invocations.admission.enter() for _ in range(2)]
        await box.send(request())
        status, headers, content = await box.answer()
        assert (status, json.loads(content)["error"]["code"]) == (429, "busy")
        assert headers["retry-after"] == "1"
        for each in places:
            each.leave()
        model.go.set()
        await box.send(request())
        assert (await box.answer())[0] == 200

    talk(Engine(model, RequestLimits(queue=2)), work)


def test_waiting_bodies_are_bounded_in_bytes() -> None:
    model = HeldModel()
    model.go.set()

    async def work(box: Line) -> int:
        await box.send(request())
        return (await box.answer())[0]

    assert talk(Engine(model, RequestLimits(queue_bytes=len(LIGHT) - 1)), work) == 429
    assert talk(Engine(model, RequestLimits(queue_bytes=len(LIGHT))), work) == 200


def test_what_takes_too_long_is_given_up_whether_body_or_model() -> None:
    model = HeldModel()

    async def work(box: Line) -> None:
        await box.send(request(LIGHT[:20], length=len(LIGHT)))
        assert (await box.answer())[0] == 503
        await box.send(LIGHT[20:])  # too late: nobody listens to the rest
        await box.send(request())
        status, _, content = await box.answer()
        assert (status, json.loads(content)["error"]["code"]) == (503, "timeout")
        model.go.set()

    talk(Engine(model, RequestLimits(seconds=0.1)), work)


def test_a_failing_model_answers_500_without_details(caplog: pytest.LogCaptureFixture) -> None:
    model = HeldModel()
    model.go.set()
    model.failure = RuntimeError("secret path")

    async def work(box: Line) -> None:
        await box.send(request())
        status, _, content = await box.answer()
        assert (status, b"secret" in content) == (500, False)
        model.failure = None
        await box.send(request())
        assert (await box.answer())[0] == 200

    talk(Engine(model, RequestLimits()), work)
    assert "secret path" in caplog.text


@pytest.mark.parametrize("sent", [20, len(LIGHT)])
def test_a_caller_who_hangs_up_gives_the_place_back(
    caplog: pytest.LogCaptureFixture, sent: int
) -> None:
    model = HeldModel()

    async def work(box: Line) -> None:
        await box.send(request(LIGHT[:sent], length=len(LIGHT)))
        if sent == len(LIGHT):
            await asyncio.to_thread(model.begun.wait, 10)
        else:
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO, logger="visionml.serving"):
        talk(Engine(model, RequestLimits()), work)
    model.go.set()
    (told,) = (json.loads(each.getMessage()) for each in caplog.records)
    assert (told["status"], told["code"]) == (499, "disconnected")


def test_a_server_that_stops_answers_what_is_under_way_and_closes() -> None:
    model = HeldModel()

    async def work(box: Line) -> tuple[int, str, bytes]:
        await box.send(request())
        await asyncio.to_thread(model.begun.wait, 10)
        for each in list(box.server.server_state.connections):
            each.shutdown()
        model.go.set()
        status, headers, _ = await box.answer()
        return status, headers["connection"], await box.reader.read()

    assert talk(Engine(model, RequestLimits()), work) == (200, "close", b"")


def test_an_answer_leaves_a_line_without_payload(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(box: Line) -> None:
        await box.send(request(LIGHT, "X-Amzn-SageMaker-Inference-Id: abc"))
        await box.answer()
        await box.send(request(LIGHT, "X-Amzn-SageMaker-Custom-Attributes: top_k=x"))
        await box.answer()

    with caplog.at_level(logging.INFO, logger="visionml.serving"):
        talk(engine, work)
    answered, refused = (json.loads(each.getMessage()) for each in caplog.records)
    assert (answered["status"], answered["bytes"]) == (200, len(LIGHT))
    assert (answered["inference_id"], answered["model_version"]) == ("abc", models.VERSION)
    assert 0 < answered["decode_ms"] <= answered["milliseconds"]
    assert (refused["status"], refused["code"]) == (400, "invalid_option")
    assert not {"image", "label", "probabilities"} & {*answered, *refused}
