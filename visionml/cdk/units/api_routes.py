"""What the API serves: methods, paths, functions, and the JSON that they take."""

from dataclasses import dataclass

from aws_cdk.aws_apigateway import JsonSchema, JsonSchemaType
from aws_cdk.aws_lambda import IFunction

from visionml.cdk.units.api_functions import ApiFunctions
from visionml.contracts.inference import IMAGE_TYPES

_TEXT = JsonSchema(type=JsonSchemaType.STRING, min_length=1)


@dataclass(frozen=True)
class Body:
    """A model of a JSON body; bodies of other types are not looked at."""

    name: str
    description: str
    schema: JsonSchema


@dataclass(frozen=True)
class Route:
    """A method of a path."""

    method: str
    path: str
    function: IFunction
    body: Body | None = None


def routes(functions: ApiFunctions) -> list[Route]:
    """Return what the API serves."""
    return [
        Route("POST", "/inference", functions.adapter.function, _INFERENCE),
        Route("POST", "/uploads", functions.uploads.function, _UPLOAD),
        Route("POST", "/inference/async", functions.acceptor.function, _INFERENCE),
        Route("GET", "/predictions/{id}", functions.reader.function),
        Route("POST", "/predictions/{id}/truth", functions.truths.teller.function, _TRUTH),
        Route("GET", "/health", functions.health.function),
    ]


_INFERENCE = Body(
    "Request",
    "An image as base64 or by its address; images themselves are sent under their own type.",
    JsonSchema(
        type=JsonSchemaType.OBJECT,
        properties={"image": _TEXT, "s3": _TEXT},
        one_of=[JsonSchema(required=["image"]), JsonSchema(required=["s3"])],
        additional_properties=False,
    ),
)
_TRUTH = Body(
    "Truth",
    "What the image of an answer really shows.",
    JsonSchema(
        type=JsonSchemaType.OBJECT,
        required=["label"],
        properties={"label": JsonSchema(type=JsonSchemaType.STRING, min_length=1)},
        additional_properties=False,
    ),
)
_UPLOAD = Body(
    "UploadRequest",
    "The type and size of an image that is too large for a request.",
    JsonSchema(
        type=JsonSchemaType.OBJECT,
        required=["content_type", "bytes"],
        properties={
            "content_type": JsonSchema(type=JsonSchemaType.STRING, enum=list(IMAGE_TYPES)),
            "bytes": JsonSchema(type=JsonSchemaType.INTEGER, minimum=1),
        },
        additional_properties=False,
    ),
)
