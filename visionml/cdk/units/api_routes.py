"""What the API serves: methods, paths, functions, and what they take and answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk.aws_lambda import IFunction
from pydantic import BaseModel

from visionml.cdk.units.api_functions import ApiFunctions
from visionml.cdk.units.api_models import schema_of
from visionml.contracts.experiments import ToldTruth, Truth
from visionml.contracts.inference import (
    HASH_HEADER,
    ErrorBody,
    Health,
    Prediction,
    PredictionState,
    Upload,
    UploadRequest,
)


@dataclass(frozen=True)
class Body:
    """A model of a JSON body; bodies of other types are not looked at."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    """A method of a path."""

    method: str
    path: str
    operation: str
    function: IFunction
    answers: Mapping[int, Body]
    refusals: tuple[int, ...] = ()
    """Its own statuses, besides those that any request may get."""
    body: Body | None = None
    parameters: Mapping[str, bool] = field(default_factory=dict)
    """Such as ``path.id``, and whether a request must have it; those of the cache come on top."""

    @property
    def bodies(self) -> dict[int, Body]:
        """What is answered, by status."""
        refused = dict.fromkeys((*self.refusals, *_ALWAYS), _ERROR)
        return dict(sorted({**refused, **self.answers}.items()))


def routes(functions: ApiFunctions) -> list[Route]:
    """Return what the API serves."""
    return [
        Route(
            "POST",
            "/inference",
            "predict",
            functions.adapter.function,
            {200: _of(Prediction)},
            (400, 413, 415, 422, 503),
            body=_REQUEST,
        ),
        Route(
            "POST",
            "/uploads",
            "upload",
            functions.uploads.function,
            {201: _of(Upload)},
            (400, 413),
            body=_of(UploadRequest),
        ),
        Route(
            "POST",
            "/inference/async",
            "submit",
            functions.acceptor.function,
            {202: _of(PredictionState)},
            (400, 413, 415, 422, 503),
            body=_REQUEST,
            parameters={f"header.{HASH_HEADER}": False},
        ),
        Route(
            "GET",
            "/predictions/{id}",
            "collect",
            functions.reader.function,
            {200: _of(PredictionState), 202: _of(PredictionState)},
            (404, 503),
            parameters={"path.id": True},
        ),
        Route(
            "POST",
            "/predictions/{id}/truth",
            "tell",
            functions.truths.teller.function,
            {200: _of(ToldTruth)},
            (400, 404, 409, 422, 503),
            body=_of(Truth),
            parameters={"path.id": True},
        ),
        Route(
            "GET",
            "/health",
            "health",
            functions.health.function,
            {200: _of(Health), 503: _HEALTH_OR_ERROR},
        ),
    ]


def headers_of(status: int, path: str) -> list[str]:
    """Return the headers that belong to an answer."""
    if status in {429, 503} or (status == 202 and path.startswith("/predictions")):
        return ["Retry-After"]
    return ["Location"] if status == 202 else []


def _of(record: type[BaseModel]) -> Body:
    return Body(record.__name__, schema_of(record))


_TEXT = {"type": "string", "minLength": 1}
_REQUEST = Body(
    "Request",
    {
        "type": "object",
        "description": "An image in base64, or the address of one that `POST /uploads` gave.",
        "properties": {"image": _TEXT, "s3": _TEXT},
        "oneOf": [{"required": ["image"]}, {"required": ["s3"]}],
        "additionalProperties": False,
    },
)
_ERROR = _of(ErrorBody)
_HEALTH_OR_ERROR = Body("HealthOrError", {"anyOf": [schema_of(Health), schema_of(ErrorBody)]})
_ALWAYS = (403, 429, 500, 502, 504)
"""No key, too many requests, a fault, an answer that is none, an answer that took too long."""
