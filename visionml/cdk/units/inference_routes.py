"""What the inference API serves."""

from visionml.cdk.units.api_functions import ApiFunctions
from visionml.cdk.units.api_models import schema_of
from visionml.cdk.units.api_routes import Body, Route, body_of
from visionml.contracts.experiments import CALLER_HEADER, ToldTruth, Truth
from visionml.contracts.inference import (
    ATTEMPT_HEADER,
    HASH_HEADER,
    VERSION_HEADER,
    ErrorBody,
    Health,
    Prediction,
    PredictionState,
    Upload,
    UploadRequest,
)

TOO_LARGE = "are sent to the address that POST /uploads gives."
HEADERS = (HASH_HEADER, VERSION_HEADER, ATTEMPT_HEADER, CALLER_HEADER)
"""That calls from browsers may have."""


def routes(functions: ApiFunctions) -> list[Route]:
    """Return what the API serves."""
    return [
        Route(
            "POST",
            "/inference",
            "predict",
            functions.adapter.function,
            {200: body_of(Prediction)},
            (400, 413, 415, 422, 503),
            body=_REQUEST,
        ),
        Route(
            "POST",
            "/uploads",
            "upload",
            functions.uploads.function,
            {201: body_of(Upload)},
            (400, 413),
            body=body_of(UploadRequest),
        ),
        Route(
            "POST",
            "/inference/async",
            "submit",
            functions.acceptor.function,
            {202: body_of(PredictionState)},
            (400, 413, 415, 422, 503),
            body=_REQUEST,
            parameters={f"header.{HASH_HEADER}": False},
        ),
        Route(
            "GET",
            "/predictions/{id}",
            "collect",
            functions.reader.function,
            {200: body_of(PredictionState), 202: body_of(PredictionState)},
            (404, 503),
            parameters={"path.id": True},
        ),
        Route(
            "POST",
            "/predictions/{id}/truth",
            "tell",
            functions.truths.teller.function,
            {200: body_of(ToldTruth)},
            (400, 404, 409, 422, 503),
            body=body_of(Truth),
            parameters={"path.id": True},
        ),
        Route(
            "GET",
            "/health",
            "health",
            functions.health.function,
            {200: body_of(Health), 503: _HEALTH_OR_ERROR},
        ),
    ]


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
_HEALTH_OR_ERROR = Body("HealthOrError", {"anyOf": [schema_of(Health), schema_of(ErrorBody)]})
