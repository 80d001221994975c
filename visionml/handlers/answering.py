"""What the handlers behind the API have in common: from a proxy event to its answer."""

import base64
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from visionml.handlers.observability import Event, Handler, count, logger, metrics, observed
from visionml.serving.statuses import RETRIED, status_of

RETRY_AFTER_SECONDS = 1


class Reply(NamedTuple):
    """A status and what is answered with it."""

    status: int
    body: BaseModel
    headers: Mapping[str, str] = {}


def answering(reply: Callable[[APIGatewayProxyEvent], Reply]) -> Handler:
    """Make a handler that answers whatever happens: a ``Reply`` or an ``ErrorBody``.

    It counts ``Invocations`` and ``Errors`` by code, and measures ``LatencyMs``.
    """

    @observed
    @wraps(reply)
    def handler(event: Event, _context: LambdaContext) -> Event:
        started = time.perf_counter()
        try:
            answer = _proxied(reply(APIGatewayProxyEvent(event)))
        except Exception as error:  # noqa: BLE001 - whatever happens, the caller gets an answer
            answer = _refusal(error)
        count("Invocations")
        elapsed_ms = (time.perf_counter() - started) * 1e3
        metrics.add_metric(name="LatencyMs", unit=MetricUnit.Milliseconds, value=elapsed_ms)
        return answer

    return handler


def body_of(request: APIGatewayProxyEvent) -> bytes:
    """Return a request's bytes."""
    text = request.body or ""
    return base64.b64decode(text) if request.is_base64_encoded else text.encode()


def _refusal(error: Exception) -> Event:
    status, body = status_of(error)
    code = body.error.code
    if status >= 500:
        logger.exception("request failed", extra={"status": status, "code": code})
    else:
        logger.info("request refused", extra={"status": status, "code": code})
    with single_metric(name="Errors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="code", value=code)
    later = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in RETRIED else {}
    return _proxied(Reply(status, body, later))


def _proxied(reply: Reply) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            **reply.headers,
        },
        "body": reply.body.model_dump_json(),
        "isBase64Encoded": False,
    }
