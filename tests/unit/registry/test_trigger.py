"""Events become training requests; one that is delivered twice becomes the same."""

from typing import Any

import pytest

from tests.fakes import events
from visionml.contracts.dataset import DatasetRecord
from visionml.contracts.training import TrainingRequest
from visionml.errors import InvalidInput
from visionml.registry.trigger import RunTemplate, request_of

TEMPLATE = RunTemplate(
    dataset="digits", architecture="small-cnn", image_size=32, hyperparameters={"epochs": "3"}
)


def latest(name: str) -> DatasetRecord:
    return DatasetRecord.model_validate(
        {
            "dataset": name,
            "version": "newest",
            "created": "2026-11-19T10:15:00Z",
            "source": "x",
            "classes": ["0"],
            "counts": {"train": {"0": 1}, "validation": {"0": 1}, "holdout": {"0": 1}},
            "refused": 0,
            "seed": 0,
        }
    )


def request(name: str, *, template: RunTemplate = TEMPLATE, **changes: Any) -> TrainingRequest:
    event = {**events.load(f"run_starter.{name}"), **changes}
    return request_of(event, template, latest=latest)


def test_a_dataset_that_is_ready_is_trained_on_at_its_version() -> None:
    made = request("dataset_ready")
    assert (made.dataset, made.dataset_version) == ("digits", "3f2a9c0d1e5b7788")
    assert made.hyperparameters == {"epochs": "3"}
    assert made.run_id.startswith("run-20261120-101500-")


def test_all_events_about_one_dataset_version_are_one_run() -> None:
    again = request("dataset_ready", id="another", time="2026-11-20T11:00:00Z")
    assert again == request("dataset_ready")
    detail = {**events.load("run_starter.dataset_ready")["detail"], "version": "another"}
    assert request("dataset_ready", detail=detail).run_id != again.run_id


def test_drift_trains_on_the_newest_version_of_the_models_dataset_once() -> None:
    made = request("drift", template=TEMPLATE.model_copy(update={"dataset": None}))
    assert (made.dataset, made.dataset_version) == ("digits", "newest")
    assert made.run_id.startswith("run-20261120-110000-")
    assert request("drift", id="delivered twice").run_id == made.run_id
    detail = {**events.load("run_starter.drift")["detail"], "report_id": "another"}
    assert request("drift", detail=detail).run_id != made.run_id


def test_without_a_size_the_images_are_as_large_as_the_architecture_says() -> None:
    template = TEMPLATE.model_copy(update={"architecture": "resnet18", "image_size": None})
    assert request("schedule", template=template).image_size == 224


def test_a_schedule_trains_on_the_newest_version() -> None:
    made = request("schedule")
    assert (made.dataset, made.dataset_version) == ("digits", "newest")
    assert made.run_id.startswith("run-20261120-120000-")
    assert request("schedule") == made
    assert request("schedule", id="next").run_id != made.run_id


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "aws.s3"},
        {"source": "aws.events", "time": "noon"},
        {"source": "visionml.dataset", "detail": {"dataset": "digits"}},
        {"source": "visionml.dataset", "detail": None},
        {"source": "visionml.monitoring", "detail": {"dataset": "digits"}},
    ],
)
def test_other_events_start_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        request("dataset_ready" if "detail" in changes else "schedule", **changes)


def test_a_schedule_without_a_dataset_starts_nothing() -> None:
    with pytest.raises(InvalidInput):
        request("schedule", template=TEMPLATE.model_copy(update={"dataset": None}))
