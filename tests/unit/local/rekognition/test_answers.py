"""From what was seen to Rekognition's answers."""

from typing import Any

import pytest

from visionml.local.rekognition import answers

SEEN: dict[str, Any] = {
    "width": 200,
    "height": 100,
    "classes": ["dog", "palm_tree", "cat"],
    "shares": [0.25, 0.125, 0.625],
}


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({}, ["Cat"]),
        ({"MinConfidence": 0}, ["Cat", "Dog", "Palm Tree"]),
        ({"MinConfidence": 25}, ["Cat", "Dog"]),
        ({"MinConfidence": 0, "MaxLabels": 2}, ["Cat", "Dog"]),
        ({"MinConfidence": 100}, []),
    ],
)
def test_the_likeliest_labels_come_first(request_: dict[str, Any], names: list[str]) -> None:
    found = answers.labels(SEEN, request_, "v1")
    assert [each["Name"] for each in found["Labels"]] == names


def test_confidence_is_a_percentage() -> None:
    (cat,) = answers.labels(SEEN, {}, "v1")["Labels"]
    assert cat["Confidence"] == 62.5
    assert cat["Categories"] == [{"Name": "Animals and Pets"}]


def _region(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"left": left, "top": top, "width": width, "height": height}


def test_faces_come_by_size_and_end_at_the_pictures_edge() -> None:
    regions = [_region(0, 0, 20, 20), _region(150, 50, 100, 60)]
    large, small = answers.faces({**SEEN, "regions": regions})["FaceDetails"]
    assert large["BoundingBox"] == {"Left": 0.75, "Top": 0.5, "Width": 0.25, "Height": 0.5}
    assert small["BoundingBox"] == {"Left": 0.0, "Top": 0.0, "Width": 0.1, "Height": 0.2}


def test_lines_come_from_top_to_bottom() -> None:
    regions = [_region(0, 50, 100, 10), _region(20, 10, 100, 10)]
    first, second = answers.text({**SEEN, "regions": regions})["TextDetections"]
    assert (first["Id"], second["Id"]) == (0, 1)
    assert first["Geometry"]["BoundingBox"]["Top"] == 0.1
    assert first["Geometry"]["Polygon"][2] == {"X": pytest.approx(0.6), "Y": pytest.approx(0.2)}
