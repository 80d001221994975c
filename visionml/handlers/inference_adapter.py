"""Answers ``POST /inference``: an image comes in by API Gateway, a prediction goes out.

Neither images nor predictions are logged or traced.
"""

import base64
import time

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from visionml.aws.session import Aws
from visionml.contracts.environment import AdapterEnvironment
from visionml.errors import RequestRefused
from visionml.handlers.observability import Event, count, logger, metrics, observed
from visionml.serving.adapter import infer, status_of

# API Gateway waits 29 s, the function may run 28: the last try begins within 4 s and is given 22.
RETRY_SECONDS = 4.0
READ_SECONDS = 22.0

environment = AdapterEnvironment.read()
runtime = Aws().client(
    "sagemaker-runtime",
    connect_timeout=2,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 1},  # `infer` knows what to try again
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a proxy event with a ``Prediction`` or an ``ErrorBody``, never with an exception."""
    started = time.perf_counter()
    try:
        request = APIGatewayProxyEvent(event)
        prediction = infer(
            _body(request),
            request.headers.get("content-type", ""),
            runtime=runtime,
            endpoint=environment.endpoint_name,
            deadline_seconds=RETRY_SECONDS,
        )
        answer = _answer(200, prediction)
        logger.info(
            "image read",
            extra={"prediction_id": prediction.prediction_id, "variant": prediction.variant},
        )
    except Exception as error:  # noqa: BLE001 - whatever happens, the caller gets an answer
        answer = _refusal(error)
    count("Invocations")
    elapsed_ms = (time.perf_counter() - started) * 1e3
    metrics.add_metric(name="LatencyMs", unit=MetricUnit.Milliseconds, value=elapsed_ms)
    return answer


def _body(request: APIGatewayProxyEvent) -> bytes:
    """Return the request's bytes.

    Raises
    ------
    RequestRefused
        There are none, or more than the limit.
    """
    text = request.body or ""
    body = base64.b64decode(text) if request.is_base64_encoded else text.encode()
    limit = environment.upload_limit_bytes
    # JSON holds the image in base64: four bytes for three, and some syntax.
    allowed = limit if request.is_base64_encoded else limit * 4 // 3 + 4096
    if not body:
        raise RequestRefused(
            "The request has no body.", code="empty", status=400, hint="Send an image."
        )
    if len(body) > allowed:
        raise RequestRefused(
            f"The image is larger than {limit:,} bytes.",
            code="too_many_bytes",
            status=413,
            limit=limit,
            hint="Send a smaller or more strongly compressed image.",
        )
    return body


def _refusal(error: Exception) -> Event:
    status, body = status_of(error)
    code = body.error.code
    if status >= 500:
        logger.exception("request failed", extra={"status": status, "code": code})
    else:
        logger.info("request refused", extra={"status": status, "code": code})
    with single_metric(name="Errors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="code", value=code)
    return _answer(status, body)


def _answer(status: int, body: BaseModel) -> Event:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status in {429, 503}:
        headers["Retry-After"] = "1"
    return {
        "statusCode": status,
        "headers": headers,
        "body": body.model_dump_json(),
        "isBase64Encoded": False,
    }
