"""What the handlers behind the API have in common: from a proxy event to its answer."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import NamedTuple

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from visionml.contracts.environment import ApiEnvironment
from visionml.handlers.observability import Event, Handler, count, logger, metrics, observed
from visionml.serving.statuses import RETRIED, status_of

RETRY_AFTER_SECONDS = 1


class Reply(NamedTuple):
    """A status and what is answered with it."""

    status: int
    body: BaseModel
    headers: Mapping[str, str] = {}


def answering(
    environment: ApiEnvironment,
) -> Callable[[Callable[[APIGatewayProxyEvent], Reply]], Handler]:
    """Make a handler that answers whatever happens: a ``Reply`` or an ``ErrorBody``.

    It counts ``Invocations`` and ``Errors`` by code, and measures ``LatencyMs``.
    """

    def decorate(reply: Callable[[APIGatewayProxyEvent], Reply]) -> Handler:
        @observed
        @wraps(reply)
        def handler(event: Event, _context: LambdaContext) -> Event:
            started = time.perf_counter()
            request = APIGatewayProxyEvent(event)
            try:
                answer = reply(request)
            except Exception as error:  # noqa: BLE001 - the caller gets an answer in any case
                answer = _refusal(error)
            count("Invocations")
            elapsed_ms = (time.perf_counter() - started) * 1e3
            metrics.add_metric(name="LatencyMs", unit=MetricUnit.Milliseconds, value=elapsed_ms)
            origin = request.headers.get("origin", "")
            return _proxied(answer, cors(origin, environment.origins))

        return handler

    return decorate


def cors(origin: str, allowed: Sequence[str]) -> dict[str, str]:
    """Return the headers that let a page of `origin` read an answer; none if it may not."""
    if not allowed:
        return {}
    if "*" in allowed:
        return {"Access-Control-Allow-Origin": "*"}
    # caches must not give the answer for one origin to another
    mine = {"Access-Control-Allow-Origin": origin} if origin in allowed else {}
    return {"Vary": "Origin", **mine}


def body_of(request: APIGatewayProxyEvent) -> bytes:
    """Return a request's bytes."""
    text = request.body or ""
    return base64.b64decode(text) if request.is_base64_encoded else text.encode()


def _refusal(error: Exception) -> Reply:
    status, body = status_of(error)
    code = body.error.code
    if status >= 500:
        logger.exception("request failed", extra={"status": status, "code": code})
    else:
        logger.info("request refused", extra={"status": status, "code": code})
    with single_metric(name="Errors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="code", value=code)
    later = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in RETRIED else {}
    return Reply(status, body, later)


def _proxied(reply: Reply, more: Mapping[str, str]) -> Event:
    return {
        "statusCode": reply.status,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            **reply.headers,
            **more,
        },
        "body": reply.body.model_dump_json(exclude_none=True),
        "isBase64Encoded": False,
    }
