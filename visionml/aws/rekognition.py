"""What Amazon Rekognition sees in a picture, which must be a JPEG or PNG file."""

from typing import Any, NamedTuple

from visionml.aws.errors import translated
from visionml.aws.s3 import Location
from visionml.contracts.detector import Label

SMALLEST_SIDE = 80
"""Pixels that a picture must have both ways: docs.aws.amazon.com/rekognition/latest/dg/limits."""
MOST_WORDS = 100
"""That DetectText finds in one picture."""


class Labels(NamedTuple):
    """What a picture shows, the surest first."""

    labels: tuple[Label, ...]
    model_version: str


class Box(NamedTuple):
    """A rectangle, in shares of the picture's height and width; it may reach over the edges."""

    top: float
    left: float
    height: float
    width: float


class Texts(NamedTuple):
    """Where text stands, line by line, and how many words there are."""

    lines: tuple[Box, ...]
    words: int
    model_version: str


class Rekognition:
    """Asks a boto3 client of ``rekognition``.

    Every method raises ``Unavailable`` where Rekognition throttles or is down, and ``InvalidInput``
    where it cannot read the picture.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def labels(self, picture: Location | bytes, *, most: int, least: float) -> Labels:
        """Return the labels of a picture of up to 5 MB, or of one in S3 that who asks may read.

        There are `most` of them, of a confidence of `least`: per cent, 55 unless one asks.

        Raises
        ------
        NotFound
            There is none, or it may not be read.
        """
        image: dict[str, Any] = {"Bytes": picture}
        if isinstance(picture, Location):
            image = {"S3Object": {"Bucket": picture.bucket, "Name": picture.key}}
        what = picture if isinstance(picture, Location) else "a picture"
        with translated(f"detect what {what} shows"):
            found = self._client.detect_labels(Image=image, MaxLabels=most, MinConfidence=least)
        labels = (
            Label(
                name=each["Name"],
                confidence=each["Confidence"],
                parents=tuple(parent["Name"] for parent in each.get("Parents", ())),
            )
            for each in found["Labels"]
        )
        ordered = sorted(labels, key=lambda label: -label.confidence)
        return Labels(tuple(ordered), found.get("LabelModelVersion", ""))

    def faces(self, picture: bytes) -> tuple[Box, ...]:
        """Return where faces are in a picture of up to 5 MB."""
        with translated("detect faces"):
            found = self._client.detect_faces(Image={"Bytes": picture})
        return tuple(_box(each["BoundingBox"]) for each in found["FaceDetails"])

    def texts(self, picture: bytes) -> Texts:
        """Return where text is in a picture of up to 5 MB."""
        with translated("detect text"):
            found = self._client.detect_text(Image={"Bytes": picture})
        kinds = [each["Type"] for each in found["TextDetections"]]
        lines = (
            _box(each["Geometry"]["BoundingBox"])
            for each in found["TextDetections"]
            if each["Type"] == "LINE"
        )
        return Texts(tuple(lines), kinds.count("WORD"), found.get("TextModelVersion", ""))


def _box(found: dict[str, float]) -> Box:
    return Box(found["Top"], found["Left"], found["Height"], found["Width"])
