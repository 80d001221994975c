"""What is seen in a picture, in the form of Rekognition's answers."""

from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]
Seen = Mapping[str, Any]

LEAST_CONFIDENCE = 55.0
"""Percent that a label has at least where a request does not say."""
MOST_LABELS = 1000
MOST_FACES = 100
CONFIDENCE = 99.0
"""Percent of every face and text: the offline engine says where, and not how surely."""
TEXT_MODEL = "visionml-offline"
_PARENTS = dict.fromkeys(("Cat", "Dog"), ("Animal", "Mammal", "Pet"))
_CATEGORIES = dict.fromkeys(_PARENTS, "Animals and Pets")


def labels(seen: Seen, request: Mapping[str, Any], version: str) -> Document:
    """Return DetectLabels' answer: a model's classes, the likeliest first."""
    least = request.get("MinConfidence", LEAST_CONFIDENCE)
    shares = sorted(zip(seen["shares"], seen["classes"], strict=True), key=lambda each: -each[0])
    found = [_label(_named(name), share * 100) for share, name in shares if share * 100 >= least]
    most = request.get("MaxLabels", MOST_LABELS)
    return {"Labels": found[:most], "LabelModelVersion": f"visionml-{version}"}


def _named(name: str) -> str:
    """Return a class's name as labels are written: ``palm_tree`` is ``Palm Tree``."""
    return " ".join(word[:1].upper() + word[1:] for word in name.replace("_", " ").split())


def _label(name: str, confidence: float) -> Document:
    category = _CATEGORIES.get(name)
    return {
        "Name": name,
        "Confidence": confidence,
        "Instances": [],
        "Parents": [{"Name": parent} for parent in _PARENTS.get(name, ())],
        "Aliases": [],
        "Categories": [{"Name": category}] if category else [],
    }


def faces(seen: Seen) -> Document:
    """Return DetectFaces' answer: the largest first."""
    regions = sorted(seen["regions"], key=lambda each: -each["width"] * each["height"])
    details = [
        {"BoundingBox": _box(region, seen), "Confidence": CONFIDENCE}
        for region in regions[:MOST_FACES]
    ]
    return {"FaceDetails": details}


def text(seen: Seen) -> Document:
    """Return DetectText's answer: where lines are, from top to bottom; nothing is read."""
    regions: Iterable[Mapping[str, int]] = sorted(
        seen["regions"], key=lambda each: (each["top"], each["left"])
    )
    lines = [
        {
            "DetectedText": "",
            "Type": "LINE",
            "Id": number,
            "Confidence": CONFIDENCE,
            "Geometry": {"BoundingBox": box, "Polygon": _corners(box)},
        }
        for number, box in enumerate(_box(region, seen) for region in regions)
    ]
    return {"TextDetections": lines, "TextModelVersion": TEXT_MODEL}


def _box(region: Mapping[str, int], seen: Seen) -> dict[str, float]:
    """Return a region as shares of the picture's sides; the engine may reach over an edge."""
    width, height = seen["width"], seen["height"]
    left, top = region["left"] / width, region["top"] / height
    return {
        "Left": left,
        "Top": top,
        "Width": min(region["width"] / width, 1 - left),
        "Height": min(region["height"] / height, 1 - top),
    }


def _corners(box: Mapping[str, float]) -> list[dict[str, float]]:
    left, top = box["Left"], box["Top"]
    right, bottom = left + box["Width"], top + box["Height"]
    return [
        {"X": x, "Y": y} for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    ]
