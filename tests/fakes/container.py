"""Callers of the serving application, in its own process and without a socket."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.fakes import models
from visionml.contracts.inference import ErrorBody
from visionml.model.predict import Output
from visionml.serving.application import create
from visionml.serving.engine import Engine
from visionml.serving.invocations import Invocations
from visionml.serving.journal import Journal

T = TypeVar("T")


class HeldModel:
    """Answers once it is let go, or fails if it is told to."""

    def __init__(self) -> None:
        self.record = models.brightness_record(b"", 32)
        self.go = threading.Event()
        self.begun = threading.Event()
        self.failure: Exception | None = None

    def infer(self, pixels: NDArray[np.uint8], /, *, embed: bool = False) -> Output:
        self.begun.set()
        assert self.go.wait(10)
        if self.failure:
            raise self.failure
        return Output(np.full((len(pixels), 2), 0.5, np.float32), None)


def warm(engine: Engine) -> Engine:
    """Return the engine, ready to answer."""
    engine.warm_up()
    return engine


def talk(engine: Engine, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Return what came of some calls of one application."""

    async def session() -> T:
        transport = httpx.ASGITransport(create(Invocations(engine, Journal())))
        async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
            return await work(client)

    return asyncio.run(session())


def post(
    engine: Engine, content: bytes, headers: dict[str, str], path: str = "/invocations"
) -> httpx.Response:
    """Return the answer to one request."""

    async def work(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(path, content=content, headers=headers)

    return talk(engine, work)


def refusal(response: httpx.Response) -> tuple[int, str, int | None]:
    """Return the status, code and limit of an answer that is an error."""
    assert response.headers["content-type"] == "application/json"
    detail = ErrorBody.model_validate_json(response.content).error
    assert detail.message
    return response.status_code, detail.code, detail.limit
