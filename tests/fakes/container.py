"""Callers of the serving application, in its own process and without a socket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from visionml.contracts.inference import ErrorBody
from visionml.serving.application import create
from visionml.serving.engine import Engine

T = TypeVar("T")


def warm(engine: Engine) -> Engine:
    """Return the engine, ready to answer."""
    engine.warm_up()
    return engine


def talk(engine: Engine, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Return what came of some calls of one application."""

    async def session() -> T:
        transport = httpx.ASGITransport(create(engine))
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
