"""``/models``: what SageMaker asks of a container that holds several models.

The contract is the one of "Custom containers contract for multi-model endpoints" in SageMaker's
documentation. SageMaker alone reaches these paths; callers name a model in ``TargetModel``.
"""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from visionml.errors import RequestRefused, VisionmlError
from visionml.serving.engine import Engine
from visionml.serving.models import Shelf
from visionml.serving.statuses import status_of

_BODY_LIMIT = 16 * 1024
_PAGE_LIMIT = 1000
_NAME_LIMIT = 1024


class _Invocations(Protocol):
    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None: ...


def routes(engine: Engine, invocations: _Invocations) -> list[BaseRoute]:
    """Return the routes of the contract; none for a container with one model."""
    if engine.shelf is None:
        return []
    administration = _Administration(engine, engine.shelf)
    return [
        Route("/models", _answered(administration.loaded), methods=["GET"]),
        Route("/models", _answered(administration.load), methods=["POST"]),
        Route("/models/{name}", _answered(administration.one), methods=["GET"]),
        Route("/models/{name}", _answered(administration.unload), methods=["DELETE"]),
        Route("/models/{name}/invoke", invocations, methods=["POST"]),
    ]


class _Administration:
    """Loads, lists and unloads models on the engine's thread, between its predictions."""

    def __init__(self, engine: Engine, shelf: Shelf) -> None:
        self._thread = engine.thread
        self._shelf = shelf

    async def loaded(self, request: Request) -> object:
        """List the models, a page at a time: the token counts those before it."""
        limit = _natural(request, "limit", _PAGE_LIMIT) or _PAGE_LIMIT
        start = _natural(request, "next_page_token", 0)
        found = await self._thread.run(self._shelf.loaded)
        page = found[start : start + limit]
        rest = {"nextPageToken": str(start + limit)} if start + limit < len(found) else {}
        return {"models": page, **rest}

    async def load(self, request: Request) -> object:
        """Load the model in a folder under a name."""
        name, url = await _named(request)
        await self._thread.run(partial(self._shelf.load, name, url))
        return {"modelName": name, "modelUrl": url}

    async def one(self, request: Request) -> object:
        """Say where a loaded model came from."""
        name = str(request.path_params["name"])
        url = await self._thread.run(partial(self._shelf.url, name))
        return {"modelName": name, "modelUrl": url}

    async def unload(self, request: Request) -> object:
        """Forget a model."""
        name = str(request.path_params["name"])
        await self._thread.run(partial(self._shelf.unload, name))
        return {"modelName": name}


def _answered(
    work: Callable[[Request], Awaitable[object]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await work(request))
        except VisionmlError as error:
            status, body = status_of(error)
            return Response(body.model_dump_json(), status, media_type="application/json")

    return endpoint


async def _named(request: Request) -> tuple[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise _bad(f"The body is larger than {_BODY_LIMIT:,} bytes.")
    try:
        value = json.loads(body)
        name, url = value["model_name"], value["url"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise _bad("The body is no JSON object with model_name and url.") from None
    if not isinstance(name, str) or not isinstance(url, str) or not 0 < len(name) <= _NAME_LIMIT:
        raise _bad(f"model_name, of 1 to {_NAME_LIMIT} characters, and url must be texts.")
    return name, url


def _natural(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _bad(f"{name} is no number.")
    return int(text)


def _bad(message: str) -> RequestRefused:
    return RequestRefused(
        message,
        code="invalid_request",
        status=400,
        hint='Send {"model_name": "...", "url": "/opt/ml/models/..."}.',
    )
