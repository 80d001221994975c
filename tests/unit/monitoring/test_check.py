from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.monitoring.answers import CLASSES, MODEL, NAMES, answers
from visionml.contracts.monitoring import DriftReport
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.check import check
from visionml.monitoring.window import Window, from_events

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def checked(baseline: Baseline | None, window: Window, *, model: str = MODEL) -> DriftReport:
    return check(
        baseline, window, model_version=model, variant="ModelA", report_id="report-1", time=NOON
    )


def test_a_window_like_the_baseline_is_quiet(baseline: Baseline) -> None:
    report = checked(baseline, answers(500, seed=11))
    assert (report.state, report.drifted, report.moved) == ("ok", False, [])
    assert report.threshold is not None
    assert report.score < report.threshold
    assert report.seconds > 0


@pytest.mark.parametrize(
    ("window", "detector", "named"),
    [
        (answers(500, seed=12, brightness=0.5), "statistics", "brightness"),
        (answers(500, seed=13, embedding=0.4), "inputs", "mean of all inputs"),
        (answers(500, seed=14, shares=(0.2, 0.3, 0.5)), "labels", "class owl"),
        (answers(500, seed=15, sureness=2.0), "confidence", "prediction entropy"),
        (answers(500, seed=16, odd=0.1), "novelty", "farther than 99 % of the baseline"),
    ],
    ids=["brightness", "embedding", "classes", "confidence", "odd ones"],
)
def test_a_shift_is_found_and_named(
    baseline: Baseline, window: Window, detector: str, named: str
) -> None:
    report = checked(baseline, window)
    assert report.state == "drifted"
    assert named in report.moved
    by_detector = {each.detector: each.p_value for each in report.detectors}
    assert by_detector[detector] < 0.01  # type: ignore[index]


def test_how_far_a_statistic_moved_is_told(baseline: Baseline) -> None:
    report = checked(baseline, answers(1000, seed=17, brightness=0.5))
    (found,) = [each for each in report.findings if each.name == "brightness"]
    assert found.shift == pytest.approx(0.5, abs=0.1)
    assert found.reference == pytest.approx(120, abs=2)
    assert found.observed == pytest.approx(130, abs=2)
    assert "brightness moved by +0.5" in report.reason


def test_examples_are_numbers_of_the_farthest_answers(baseline: Baseline) -> None:
    window = answers(500, seed=18, odd=0.1)
    window = replace(window, times=NOON.timestamp() + np.arange(500.0))
    report = checked(baseline, window)
    assert len(report.examples) == 5
    assert all(each.usual > 0.99 for each in report.examples)
    assert set(report.examples[0].statistics) == set(NAMES)
    assert report.examples[0].time is not None
    assert report.examples[0].label in CLASSES


@pytest.mark.parametrize("count", [0, 1, 99])
def test_few_answers_are_not_enough(baseline: Baseline, count: int) -> None:
    report = checked(baseline, answers(200).take(slice(0, count)))
    assert (report.state, report.threshold, report.drifted) == ("not_enough_data", None, False)
    assert f"{count} answers" in report.reason
    assert report.window.samples == count


def test_a_window_without_an_event_is_not_enough(baseline: Baseline) -> None:
    window = from_events([], classes=CLASSES, model_version=MODEL)
    report = checked(baseline, window)
    assert report.state == "not_enough_data"
    assert report.window.begin is None


def test_a_model_without_baseline_is_told_of() -> None:
    report = checked(None, answers(200))
    assert (report.state, report.reason) == (
        "no_baseline",
        f"There is no drift baseline of {MODEL}.",
    )
    why = check(
        None, answers(5), model_version=MODEL, variant="a", report_id="r", why="It is of schema 0."
    )
    assert why.reason == "It is of schema 0."


def test_a_baseline_of_another_model_is_none(baseline: Baseline) -> None:
    report = checked(baseline, answers(200), model="v-2")
    assert report.state == "no_baseline"
    assert "v-1" in report.reason
    assert "v-2" in report.reason


def test_a_model_of_other_classes_has_no_baseline(baseline: Baseline) -> None:
    report = checked(baseline, replace(answers(200), classes=("cat", "dog", "fox")))
    assert report.state == "no_baseline"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_few_strange_numbers_do_no_harm_and_are_counted(baseline: Baseline, value: float) -> None:
    window = answers(500, seed=19)
    window.statistics[:5, 0] = value
    assert window.embeddings is not None
    window.embeddings[5:8, 3] = value
    window.probabilities[8:10, 1] = value
    report = checked(baseline, window)
    assert report.state == "ok"
    counted = report.window.absent if np.isnan(value) else report.window.not_finite
    assert counted["brightness"] == 5
    assert counted["embedding"] == 3
    assert report.window.not_finite["probabilities"] == 2
    assert np.isfinite(report.score)


def test_many_strange_numbers_are_never_green(baseline: Baseline) -> None:
    window = answers(500, seed=20)
    window.probabilities[:100] = np.nan
    report = checked(baseline, window)
    assert report.state == "not_enough_data"
    assert "100 of 500 answers lack finite probabilities" in report.reason


def test_events_of_an_older_schema_are_tested_by_what_they_have(baseline: Baseline) -> None:
    def older(window: Window) -> Window:
        return replace(window, names=NAMES[:2], statistics=window.statistics[:, :2])

    quiet = checked(baseline, older(answers(500, seed=21)))
    assert quiet.state == "not_enough_data"
    assert "500 of 500 answers lack noise" in quiet.reason
    drifted = checked(baseline, older(answers(500, seed=22, brightness=1.0)))
    assert drifted.state == "drifted"
    assert "brightness" in drifted.moved


@pytest.mark.parametrize("width", [None, 7])
def test_a_missing_embedding_is_told(baseline: Baseline, width: int | None) -> None:
    embeddings = None if width is None else np.zeros((500, width), np.float32)
    report = checked(baseline, replace(answers(500, seed=23), embeddings=embeddings))
    assert report.state == "not_enough_data"
    assert "500 of 500 answers lack embedding" in report.reason


def test_a_statistic_that_never_varied_is_watched(baseline: Baseline) -> None:
    window = answers(500, seed=24)
    window.statistics[:100, 3] = 0.75
    report = checked(baseline, window)
    assert report.state == "drifted"
    assert "aspect" in report.moved


def test_a_report_survives_json(baseline: Baseline) -> None:
    report = checked(baseline, answers(500, seed=25, brightness=1.0))
    assert DriftReport.model_validate_json(report.model_dump_json()) == report
