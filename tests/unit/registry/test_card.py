"""The model card of a package."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import JsonValue

from tests.fakes import events
from tests.fakes.model_card import SCHEMA
from visionml.contracts.evaluation import ClassFigures, EvaluationReport
from visionml.contracts.training import RegistrationRequest
from visionml.registry import card

WANTED = RegistrationRequest.model_validate(events.load("model_registrar"))
REPORT = EvaluationReport.model_validate(events.load("evaluation_report"))
FACTS: dict[str, JsonValue] = {
    "dataset": "digits",
    "images": 1797,
    "train": 1259,
    "validation": 270,
    "source": "scans",
}
ADDED = set(EvaluationReport.model_fields) - {
    name for name, field in EvaluationReport.model_fields.items() if field.is_required()
}


def made(report: EvaluationReport = REPORT, wanted: RegistrationRequest = WANTED) -> dict[str, Any]:
    """Return a card, held against SageMaker's schema and its limit on the whole."""
    content = card.content(wanted, report, image="account/vision:1", dataset=FACTS)
    assert len(content) <= 100_000
    assert "\n" not in content
    found: dict[str, Any] = json.loads(content)
    Draft7Validator(SCHEMA).validate(found)
    return found


def metrics(found: dict[str, Any], group: str) -> dict[str, dict[str, Any]]:
    groups = {each["name"]: each for each in found["evaluation_details"][0]["metric_groups"]}
    return {each["name"]: each for each in groups[group]["metric_data"]}


def test_the_card_tells_what_the_model_is_and_what_it_was_made_from() -> None:
    found = made()
    assert found["model_overview"]["model_artifact"] == [WANTED.artefact_s3_uri]
    assert "2 classes an image shows: 0, 1" in found["intended_uses"]["purpose_of_model"]
    job = found["training_details"]["training_job_details"]
    assert "1259 training, 270 validation images" in job["training_datasets"][0]
    assert job["training_environment"]["container_image"] == ["account/vision:1"]
    settings = {each["name"]: each["value"] for each in job["user_provided_hyper_parameters"]}
    assert settings["learning_rate"] == "0.003"
    assert settings["seed"] == "0"
    details = found["additional_information"]["custom_details"]
    assert details["run_id"] == WANTED.request.run_id
    assert details["dataset_source"] == "scans"
    assert details["onnx_sha256"] == "9f" * 32


def test_the_card_tells_figures_with_their_intervals_and_the_gates() -> None:
    found = made()
    accuracy = metrics(found, "figures")["accuracy"]
    assert accuracy["value"] == 0.9833
    assert accuracy["notes"] == "95 % bootstrap interval 0.9694 to 0.9944"
    assert metrics(found, "gates")["accuracy"]["value"] is True
    assert metrics(found, "classes")["confusion"]["value"] == REPORT.confusion
    assert metrics(found, "calibration")["reliability"]["value"] == [[0.81, 0.85], [0.994, 1.0]]
    assert metrics(found, "slices")["accuracy by brightness"]["x_axis_name"] == [
        "darkest",
        "brightest",
    ]
    observation = found["evaluation_details"][0]["evaluation_observation"]
    assert observation == WANTED.verdict.reason


def test_the_card_tells_where_the_model_is_weak_and_when_to_abstain() -> None:
    found = made(REPORT.model_copy(update={"classes": {"7": figures(images=0)}}))
    weak = found["intended_uses"]["factors_affecting_model_efficiency"]
    assert "brightness: 0.9778 of the darkest quarter" in weak
    caveats = found["additional_information"]["caveats_and_recommendations"]
    assert "has no image of: 7." in caveats
    assert "confidence of 0.6200 or more answers 97.50% of the holdout" in caveats
    assert "is better than run-20261101-090000-0f0f" in caveats


def figures(images: int = 5) -> ClassFigures:
    return ClassFigures(precision=0.5, recall=0.5, f1=0.5, images=images)


def test_a_first_report_has_a_card_too() -> None:
    found = made(REPORT.model_copy(update={name: report_default(name) for name in ADDED}))
    groups = [each["name"] for each in found["evaluation_details"][0]["metric_groups"]]
    assert groups == ["figures", "gates", "classes"]


def report_default(name: str) -> Any:
    return EvaluationReport.model_fields[name].default


@pytest.mark.parametrize("classes", [20, 21, 1000])
def test_many_classes_with_long_names_fit(classes: int) -> None:
    names = [f"{number:04d}-{'x' * 90}" for number in range(classes)]
    found = made(
        REPORT.model_copy(
            update={
                "classes": {name: figures() for name in names},
                "confusion": [[0] * classes] * classes,
            }
        )
    )
    assert ("confusion" in metrics(found, "classes")) is (classes <= 20)
    assert len(metrics(found, "classes")["recall"]["value"]) <= 40


def test_a_model_that_is_not_recommended_says_so() -> None:
    verdict = WANTED.verdict.model_copy(update={"recommended": False})
    found = made(wanted=WANTED.model_copy(update={"verdict": verdict}))
    assert found["additional_information"]["custom_details"]["recommended"] == "no"
