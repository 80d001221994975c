"""What a training request leaves out follows from what it says."""

from typing import Any

import pytest

from visionml.contracts.settings import load
from visionml.contracts.training import TrainingRequest

REQUEST = {"run_id": "run-20260101-120000-abcd", "dataset": "digits", "dataset_version": "v1"}


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, 32),
        ({"architecture": "small-cnn"}, 32),
        ({"architecture": "resnet18"}, 224),
        ({"architecture": "resnet18", "image_size": None}, 224),
        ({"architecture": "resnet18", "image_size": 64}, 64),
        ({"architecture": "stripes:STRIPES"}, 32),
    ],
)
def test_images_are_as_large_as_the_architecture_says(given: dict[str, Any], size: int) -> None:
    request = TrainingRequest.model_validate({**REQUEST, **given})
    assert request.image_size == size
    assert TrainingRequest.model_validate_json(request.model_dump_json()) == request


def test_settings_name_no_size_unless_somebody_does() -> None:
    assert load("local").training.image_size is None
    assert load("local", {"training.image_size": "96"}).training.image_size == 96
