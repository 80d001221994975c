"""SageMaker's routes: ``/ping``, ``/invocations`` and, for several models, ``/models``."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from visionml.errors import RequestRefused
from visionml.serving.administration import routes
from visionml.serving.invocations import PATH, Invocations
from visionml.serving.statuses import status_of


def create(invocations: Invocations) -> ASGIApp:
    """Return the application that answers `invocations`."""
    engine = invocations.engine

    async def ping(_: Request) -> Response:
        return Response(status_code=200 if engine.healthy else 503)

    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route(PATH, invocations, methods=["POST"]),
            *routes(engine, invocations),
        ],
        exception_handlers={HTTPException: _refused_by_routing},
    )


async def _refused_by_routing(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(status, f"http_{status}")
    refusal = RequestRefused(
        "Images are answered at POST /invocations; GET /ping says whether they are.",
        code=code,
        status=status,
    )
    body = status_of(refusal)[1]
    return Response(body.model_dump_json(), status, media_type="application/json")
