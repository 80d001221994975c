"""A model's report on the holdout."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.colours import CLASSES, SURE, write_model, write_split
from visionml.contracts.evaluation import EvaluationReport
from visionml.errors import DatasetInvalid, InvalidInput
from visionml.evaluation.report import evaluate
from visionml.model.predict import Predictor

LABELS = ["red"] * 4 + ["green"] * 3 + ["blue"] * 3
COLOURS = [0, 0, 0, 2, 1, 1, 1, 2, 2, 0]


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(write_model(tmp_path / "model"))


def test_every_image_is_counted_and_every_error_named(tmp_path: Path, predictor: Predictor) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", LABELS, COLOURS))
    assert report.images == 10
    assert report.accuracy == pytest.approx(0.8)
    assert report.confusion == [[3, 0, 1], [0, 3, 0], [1, 0, 2]]
    assert list(report.classes) == list(CLASSES)
    assert report.classes["blue"].recall == pytest.approx(2 / 3)
    assert report.worst_class == ("blue", report.classes["blue"].recall)
    assert [(item.label, item.predicted) for item in report.misread] == [
        ("red", "blue"),
        ("blue", "red"),
    ]
    assert report.misread[0].key == "images/colours/red/3.png"
    assert report.misread[0].probability > 0.9
    assert (report.dataset, report.dataset_version) == ("colours", "v1")
    assert report.record == predictor.record


def test_every_figure_has_its_interval(tmp_path: Path, predictor: Predictor) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", LABELS, COLOURS))
    assert report.calibration is not None
    assert report.roc_auc is not None
    assert report.latency_ms is not None
    figures = {
        "accuracy": report.accuracy,
        "macro_precision": report.macro_precision,
        "macro_recall": report.macro_recall,
        "macro_f1": report.macro_f1,
        "ece": report.calibration.ece,
        "roc_auc": report.roc_auc.macro,
        "latency_p50_ms": report.latency_ms.p50,
        "latency_p99_ms": report.latency_ms.p99,
        "images_per_second": report.images_per_second,
    }
    assert figures.keys() == report.intervals.keys()
    for name, value in figures.items():
        low, high = report.intervals[name]
        assert value is not None
        assert low <= value <= high, name
    for of_class in report.classes.values():
        assert set(of_class.intervals) == {"precision", "recall", "f1", "roc_auc"}


def test_slices_are_of_brightness_sharpness_and_size(tmp_path: Path, predictor: Predictor) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", LABELS, COLOURS))
    assert list(report.slices) == ["brightness", "sharpness", "size"]
    assert [part.name for part in report.slices["sharpness"]] == ["all"]
    for parts in report.slices.values():
        assert sum(part.images for part in parts) == report.images


def test_the_threshold_is_chosen_on_validation_and_reported_on_the_holdout(
    tmp_path: Path, predictor: Predictor
) -> None:
    # validation: faint images are read wrongly, strong ones rightly
    faint, strong = [20] * 5, [120] * 15
    validation = write_split(
        tmp_path / "v", ["red"] * 20, [1] * 5 + [0] * 15, strength=[*faint, *strong]
    )
    holdout = write_split(
        tmp_path / "h", ["blue"] * 10, [0] * 2 + [2] * 8, strength=[20] * 2 + [120] * 8
    )
    report = evaluate(predictor, holdout, validation=validation, answered_accuracy=0.95)
    assert report.threshold is not None
    assert report.at_threshold is not None
    assert (report.threshold.reached, report.threshold.images) == (True, 20)
    assert (report.threshold.coverage, report.threshold.accuracy) == (0.75, 1)
    assert (report.at_threshold.coverage, report.at_threshold.accuracy) == (0.8, 1)
    assert [point.coverage for point in report.threshold_curve] == [1, 0.8]


def test_without_validation_there_is_no_threshold(tmp_path: Path, predictor: Predictor) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", LABELS, COLOURS))
    assert (report.threshold, report.at_threshold, report.comparison) == (None, None, None)


def test_a_class_that_the_holdout_lacks_counts_as_unread(
    tmp_path: Path, predictor: Predictor
) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", ["red", "blue"] * 10, [0, 2] * 10))
    assert report.accuracy == report.macro_recall == 1
    assert report.unseen == ["green"]
    assert report.worst_class == ("green", 0.0)
    assert report.roc_auc is not None
    assert set(report.roc_auc.classes) == {"red", "blue"}
    assert report.classes["green"].intervals["recall"] == (0, 1)


def test_at_most_a_hundred_errors_are_named(tmp_path: Path, predictor: Predictor) -> None:
    report = evaluate(predictor, write_split(tmp_path / "h", ["red"] * 130, [1] * 130))
    assert report.accuracy == 0
    assert len(report.misread) == 100


def test_a_holdout_of_another_dataset_is_refused(tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(InvalidInput, match="classes that the model does not know: cat"):
        evaluate(predictor, write_split(tmp_path / "h", ["red", "cat"], [0, 1]))


def test_an_empty_holdout_is_refused(tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(DatasetInvalid, match="holds no images"):
        evaluate(predictor, write_split(tmp_path / "h", [], []))


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    diverged = Predictor(write_model(tmp_path / "nan", SURE * np.nan))
    with pytest.raises(InvalidInput, match="no probabilities for 10 of 10 images") as refused:
        evaluate(diverged, write_split(tmp_path / "h", LABELS, COLOURS))
    assert "learning_rate" in refused.value.hint


def test_a_record_of_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    fewer = Predictor(write_model(tmp_path / "two", classes=("red", "green")))
    with pytest.raises(InvalidInput, match="3 probabilities an image, but its record names 2"):
        evaluate(fewer, write_split(tmp_path / "h", ["red", "green"], [0, 1]))


def test_a_first_report_still_parses(tmp_path: Path, predictor: Predictor) -> None:
    first = {
        *("model_version", "dataset", "dataset_version", "images", "accuracy", "macro_precision"),
        *("macro_recall", "macro_f1", "classes", "confusion", "misread", "images_per_second"),
    }
    report = evaluate(predictor, write_split(tmp_path / "h", LABELS, COLOURS))
    old = EvaluationReport.model_validate_json(report.model_dump_json(include=first))
    assert old.accuracy == report.accuracy
    assert (old.calibration, old.slices, old.comparison, old.record) == (None, {}, None, None)
