"""Rekognition's answers as the platform's records, and its errors as the platform's errors."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from visionml.aws.rekognition import Rekognition
from visionml.aws.s3 import Location
from visionml.errors import AccessDenied, InvalidInput, NotFound, Unavailable

BOX = {"Top": -0.1, "Left": 0.2, "Height": 0.5, "Width": 0.9}


class Answering:
    """A client that answers as AWS documents it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def detect_labels(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {
            "Labels": [
                {"Name": "Grass", "Confidence": 61.5, "Parents": [{"Name": "Plant"}]},
                {"Name": "Cat", "Confidence": 98.25, "Parents": [{"Name": "Animal"}]},
            ],
            "LabelModelVersion": "3.0",
        }

    def detect_faces(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"FaceDetails": [{"BoundingBox": BOX, "Confidence": 99.9}]}

    def detect_text(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        found = [
            {"Type": kind, "Id": number, "Geometry": {"BoundingBox": BOX}, "DetectedText": "A"}
            for number, kind in enumerate(("LINE", "WORD", "WORD"))
        ]
        return {"TextDetections": found, "TextModelVersion": "3.1"}


def test_labels_come_with_parents_the_surest_first() -> None:
    client = Answering()
    found = Rekognition(client).labels(Location("images", "previews/1.jpg"), most=25, least=30)
    image = {"S3Object": {"Bucket": "images", "Name": "previews/1.jpg"}}
    assert client.asked == [{"Image": image, "MaxLabels": 25, "MinConfidence": 30}]
    assert [(each.name, each.confidence, each.parents) for each in found.labels] == [
        ("Cat", 98.25, ("Animal",)),
        ("Grass", 61.5, ("Plant",)),
    ]
    assert found.model_version == "3.0"


def test_a_picture_that_is_not_in_s3_is_sent_along() -> None:
    client = Answering()
    assert len(Rekognition(client).labels(b"jpeg", most=3, least=0).labels) == 2
    assert client.asked == [{"Image": {"Bytes": b"jpeg"}, "MaxLabels": 3, "MinConfidence": 0}]


def test_faces_and_lines_of_text_come_as_boxes() -> None:
    client = Answering()
    rekognition = Rekognition(client)
    (face,), texts = rekognition.faces(b"picture"), rekognition.texts(b"picture")
    assert face == texts.lines[0] == (-0.1, 0.2, 0.5, 0.9)
    assert (len(texts.lines), texts.words, texts.model_version) == (1, 2, "3.1")
    assert client.asked == [{"Image": {"Bytes": b"picture"}}] * 2


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("ThrottlingException", Unavailable),
        ("ProvisionedThroughputExceededException", Unavailable),
        ("InternalServerError", Unavailable),
        ("AccessDeniedException", AccessDenied),
        ("InvalidS3ObjectException", NotFound),
        ("InvalidImageFormatException", InvalidInput),
        ("ImageTooLargeException", InvalidInput),
        ("InvalidParameterException", InvalidInput),
    ],
)
def test_every_error_of_the_service_is_translated(code: str, raised: type[Exception]) -> None:
    class Failing:
        def detect_labels(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": code, "Message": "No."}}, "DetectLabels")

        detect_faces = detect_text = detect_labels

    rekognition = Rekognition(Failing())
    with pytest.raises(raised, match=code):
        rekognition.labels(Location("images", "a"), most=1, least=0)
    with pytest.raises(raised, match=code):
        rekognition.faces(b"")
    with pytest.raises(raised, match=code):
        rekognition.texts(b"")
