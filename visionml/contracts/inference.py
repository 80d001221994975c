"""What the container and the API answer."""

import base64
import struct
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/x-image")
"""The media types under which an image itself is sent."""
JSON_TYPE = "application/json"
VERSION_HEADER = "x-model-version"
"""The version that a caller knows to be in production: no answer kept from before is given."""
ATTEMPT_HEADER = "x-attempt"
"""Any value that the caller has not sent before, to be answered anew: whoever tries again sends
one, since refusals are kept too."""
LARGEST_REQUEST_BYTES = 10_000_000
"""Of API Gateway: docs.aws.amazon.com/apigateway/latest/developerguide/limits.html."""
INLINE_IMAGE_BYTES = (6 * 1024 * 1024 - 64 * 1024) * 3 // 4
"""The largest image that fits into a request: a function is handed 6 MiB at most, in which the
image is base64, beside the headers (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits)."""
HASH_HEADER = "x-image-sha256"
"""Names the image by its SHA-256, in hexadecimal; checked against what was sent."""

LONGEST_PREDICTION_ID = 64
"""Of what SageMaker takes as an inference id."""

EVENT_SCHEMA = 2
"""Of `InferenceEvent`; 1 knew six statistics, and no entropy."""

PIXEL_STATISTICS = (
    *("brightness", "contrast", "sharpness", "red", "green", "blue"),
    *("saturation", "colour_cast", "noise", "entropy", "aspect", "megapixels", "bytes_per_pixel"),
)
"""The fields of `PixelStatistics`, in the order in which arrays hold them."""


class ContainerPrediction(BaseModel):
    """The body of a container's answer to one image."""

    model_config = ConfigDict(frozen=True)

    label: str
    probability: float
    probabilities: dict[str, float]
    model_version: str


class PixelStatistics(BaseModel):
    """What an image looks like as the model sees it; values of pixels go from 0 to 255.

    Those that are None were not measured yet when the image was.
    """

    model_config = ConfigDict(frozen=True)

    brightness: float
    """The mean luma."""
    contrast: float
    """Luma's standard deviation."""
    sharpness: float
    """The variance of luma's Laplacian, which blur takes away."""
    red: float
    green: float
    blue: float
    saturation: float | None = None
    """What of a pixel's brightest colour is no grey, 0 to 1."""
    colour_cast: float | None = None
    """The same of the mean colour."""
    noise: float | None = None
    """The standard deviation of noise that edges do not explain (Immerkaer 1996)."""
    entropy: float | None = None
    """Bits of a pixel's luma, in 32 levels: 0 to 5."""
    aspect: float | None = None
    """Width by height of the file's picture, upright."""
    megapixels: float | None = None
    """Of the file's picture."""
    bytes_per_pixel: float | None = None
    """Of the file: how little it is compressed."""


class MonitoredPrediction(ContainerPrediction):
    """A container's answer to a caller who asked for what monitoring needs."""

    statistics: PixelStatistics
    entropy: float | None = None
    """Bits of the prediction, over all classes: 0 is sure."""
    embedding: str | None = None
    """What the model's last layer sees, as `packed`; None for a model that does not give it."""


class Prediction(ContainerPrediction):
    """The body of ``POST /inference``."""

    prediction_id: str
    variant: str
    latency_ms: float
    """Of the endpoint, as the adapter saw it; an equal share of it where images went together."""


class UploadRequest(BaseModel):
    """The body of ``POST /uploads``: the image that is to be sent to S3."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_type: Literal["image/jpeg", "image/png", "image/webp", "application/x-image"]
    bytes: Annotated[int, Field(ge=1, strict=True)]


class Upload(BaseModel):
    """The body of the answer to ``POST /uploads``: where and how to PUT the image."""

    model_config = ConfigDict(frozen=True)

    url: str
    """Good for an image of the stated type and size, while `expires_seconds` last."""
    headers: dict[str, str]
    """What the PUT has to be sent with."""
    s3: str
    """What ``POST /inference`` takes afterwards, as ``{"s3": ...}``."""
    expires_seconds: int


class InferenceRequest(BaseModel):
    """One prediction that somebody asked for and will collect, as the stream carries it."""

    model_config = ConfigDict(frozen=True)

    prediction_id: Annotated[str, Field(min_length=1, max_length=LONGEST_PREDICTION_ID)]
    s3: str
    """Where the image lies, below the prefix of uploads."""
    time: AwareDatetime
    caller: str = ""
    """The pseudonym of who asks, by which the variant is chosen; "" leaves it to SageMaker."""


class InferenceEvent(ContainerPrediction):
    """What monitoring is told of one answer: neither the image nor who asked."""

    schema_version: int = 1
    """`EVENT_SCHEMA` of whoever wrote it; older events do not say."""
    prediction_id: str
    time: AwareDatetime
    image_sha256: str
    variant: str
    latency_ms: float
    statistics: PixelStatistics | None = None
    entropy: float | None = None
    embedding: str | None = None


class ErrorDetail(BaseModel):
    """What went wrong, in a code for programs and a sentence for people."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    limit: int | None = None
    """The limit that was exceeded, in the unit the message names."""


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail


class PredictionState(BaseModel):
    """The body of ``POST /inference/async`` and ``GET /predictions/{id}``."""

    model_config = ConfigDict(frozen=True)

    prediction_id: str
    status: Literal["pending", "done", "failed"]
    prediction: Prediction | None = None
    error: ErrorDetail | None = None
    """Why there will be no prediction."""


class Health(BaseModel):
    """The body of ``GET /health``."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ok", "unavailable"]
    endpoint: str
    """SageMaker's status of it, such as ``InService``."""
    model_version: str | None
    """None until a model is in production."""


class BatchPrediction(BaseModel):
    """The body of a container's answer to several images: one entry for each, in their order."""

    model_config = ConfigDict(frozen=True)

    predictions: tuple[MonitoredPrediction | ContainerPrediction | ErrorBody, ...]


def packed(half_floats: bytes) -> str:
    """Return an embedding as text: base64 of little-endian 16-bit floats."""
    return base64.b64encode(half_floats).decode("ascii")


def unpacked(text: str) -> tuple[float, ...]:
    """Return the numbers of an embedding that was `packed`.

    Raises
    ------
    ValueError
        The text is none.
    """
    content = base64.b64decode(text, validate=True)
    if len(content) % 2:
        raise ValueError("It ends within a number.")
    return struct.unpack(f"<{len(content) // 2}e", content)
