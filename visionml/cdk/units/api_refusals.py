"""What API Gateway answers by itself: refusals like the handlers' own, and browsers' questions."""

from collections.abc import Sequence
from typing import NamedTuple

from aws_cdk import Duration
from aws_cdk.aws_apigateway import CorsOptions, ResponseType, RestApi

from visionml.contracts.inference import INLINE_IMAGE_BYTES

_SAID = "$context.error.messageString"  # a JSON string, quoted by API Gateway


class _Refusal(NamedTuple):
    kind: ResponseType
    status: str | None
    code: str
    message: str = _SAID
    limit: int | None = None


_REFUSALS = {
    "BAD_REQUEST_BODY": _Refusal(ResponseType.BAD_REQUEST_BODY, "400", "invalid_request"),
    "BAD_REQUEST_PARAMETERS": _Refusal(
        ResponseType.BAD_REQUEST_PARAMETERS, "400", "invalid_request"
    ),
    "INVALID_API_KEY": _Refusal(ResponseType.INVALID_API_KEY, "403", "forbidden"),
    "ACCESS_DENIED": _Refusal(ResponseType.ACCESS_DENIED, "403", "forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": _Refusal(
        ResponseType.MISSING_AUTHENTICATION_TOKEN,
        "404",
        "not_found",
        '"There is nothing at this path for this method."',
    ),
    "THROTTLED": _Refusal(ResponseType.THROTTLED, "429", "throttled"),
    "QUOTA_EXCEEDED": _Refusal(ResponseType.QUOTA_EXCEEDED, "429", "quota_exceeded"),
    "INTEGRATION_TIMEOUT": _Refusal(ResponseType.INTEGRATION_TIMEOUT, "504", "timeout"),
    "DEFAULT_4XX": _Refusal(ResponseType.DEFAULT_4_XX, None, "refused"),
    "DEFAULT_5XX": _Refusal(ResponseType.DEFAULT_5_XX, None, "internal"),
}
"""What every API refuses by itself, as the ``ErrorBody`` that the handlers answer too."""


def explain_refusals(api: RestApi, origins: Sequence[str], *, too_large: str) -> None:
    """Give every refusal a body, and the header by which a page of `origins` may read it.

    `too_large` says where larger images are sent.
    """
    headers = {"Access-Control-Allow-Origin": _allowed(origins)} if origins else None
    large = _Refusal(
        ResponseType.REQUEST_TOO_LARGE,
        "413",
        "too_many_bytes",
        f'"The request is too large. Images of more than {INLINE_IMAGE_BYTES:,} bytes {too_large}"',
        INLINE_IMAGE_BYTES,
    )
    for name, refusal in {**_REFUSALS, "REQUEST_TOO_LARGE": large}.items():
        limit = "" if refusal.limit is None else f',"limit":{refusal.limit}'
        body = f'{{"error":{{"code":"{refusal.code}","message":{refusal.message}{limit}}}}}'
        api.add_gateway_response(
            name,
            type=refusal.kind,
            status_code=refusal.status,
            templates={"application/json": body},
            response_headers=headers,
        )


def preflight(origins: Sequence[str], headers: Sequence[str]) -> CorsOptions | None:
    """Return how browsers are answered that ask before they call; None: not at all.

    `headers` are those that calls may have beside their type and key.
    """
    if not origins:
        return None
    return CorsOptions(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "OPTIONS"],
        allow_headers=["Content-Type", "X-Api-Key", *headers],
        max_age=Duration.minutes(10),
    )


def _allowed(origins: Sequence[str]) -> str:
    """Return the value of the header in a refusal.

    API Gateway cannot choose among several origins there, so it names the one that asks: any page
    may read that it was refused, and refusals tell nothing else.
    """
    return f"'{origins[0]}'" if len(origins) == 1 else "method.request.header.Origin"
