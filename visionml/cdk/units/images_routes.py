"""What the images API serves."""

from visionml.cdk.units.api_routes import Route, body_of
from visionml.cdk.units.intake_functions import IntakeFunctions
from visionml.contracts.images import (
    NAME_HEADER,
    USER_HEADER,
    ImageAnswer,
    ImageList,
    UploadForm,
    UploadOrder,
    UploadTaken,
)

TOO_LARGE = "are announced to POST /upload in JSON, which gives a form for them."
HEADERS = (NAME_HEADER, USER_HEADER)
"""That uploads may have."""
_QUESTIONS = ("status", "label", "user", "sha256", "from", "to", "limit", "next")


def routes(functions: IntakeFunctions) -> list[Route]:
    """Return what the API serves."""
    return [
        Route(
            "POST",
            "/upload",
            "upload",
            functions.uploads.function,
            {201: body_of(UploadForm), 202: body_of(UploadTaken)},
            (400, 413, 415, 503),
            body=body_of(UploadOrder),
            parameters={f"header.{name}": False for name in HEADERS},
        ),
        Route(
            "GET",
            "/images/{id}",
            "find",
            functions.reader.function,
            {200: body_of(ImageAnswer)},
            (404, 503),
            parameters={"path.id": True},
        ),
        Route(
            "GET",
            "/images",
            "list",
            functions.reader.function,
            {200: body_of(ImageList)},
            (400, 503),
            parameters={f"querystring.{name}": False for name in _QUESTIONS},
        ),
    ]
