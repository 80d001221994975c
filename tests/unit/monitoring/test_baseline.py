import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.monitoring.answers import MODEL, answers
from visionml.errors import InvalidInput
from visionml.monitoring.baseline import Baseline, fit, load, loads
from visionml.monitoring.check import check


def test_a_baseline_is_the_same_after_a_file(baseline: Baseline, tmp_path: Path) -> None:
    again = load(baseline.save(tmp_path / "baseline.npz"))
    window = answers(300, seed=4, brightness=0.3)
    reports = [
        check(each, window, model_version=MODEL, variant="a", report_id="r", time=each.facts.made)
        for each in (baseline, again)
    ]
    assert again.facts == baseline.facts
    first, second = (each.model_copy(update={"seconds": 0.0}) for each in reports)
    assert first == second


def test_a_baseline_follows_from_its_answers_and_seed(baseline: Baseline) -> None:
    made = baseline.facts.made
    again = fit(answers(2000, seed=1), model_version=MODEL, sizes=(100, 400, 1600), made=made)
    assert again.dumps() == baseline.dumps()


def test_a_file_holds_no_pickle(baseline: Baseline) -> None:
    with np.load(io.BytesIO(baseline.dumps()), allow_pickle=False) as arrays:
        assert not [name for name in arrays.files if arrays[name].dtype.hasobject]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY nonsense", b"{}"])
def test_bytes_that_are_no_baseline_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        loads(content)


def test_a_baseline_of_another_schema_is_refused(baseline: Baseline) -> None:
    older = replace(baseline, facts=baseline.facts.model_copy(update={"schema_version": 0}))
    with pytest.raises(InvalidInput, match="schema 0") as caught:
        loads(older.dumps())
    assert "anew" in caught.value.hint


def test_a_baseline_needs_complete_answers() -> None:
    window = answers(300)
    window.statistics[:200, 0] = np.nan
    with pytest.raises(InvalidInput, match="has 100"):
        fit(window, model_version=MODEL)


@pytest.mark.parametrize("rate", [0.0, 0.9])
def test_a_rate_that_nobody_can_keep_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput, match="false-alarm rate"):
        fit(answers(300), model_version=MODEL, false_alarm_rate=rate)


def test_a_statistic_that_nobody_measured_is_left_out() -> None:
    window = answers(400)
    window.statistics[:, 2] = np.nan
    found = fit(window, model_version=MODEL, sizes=(100, 200))
    seen = answers(200, seed=5)
    seen.statistics[:, 2] = np.nan
    report = check(found, seen, model_version=MODEL, variant="a", report_id="r")
    assert report.state == "ok"
    assert "noise" not in {each.name for each in report.findings}


def test_a_model_without_embedding_is_watched_by_statistics() -> None:
    window = replace(answers(400), embeddings=None)
    found = fit(window, model_version=MODEL, sizes=(100, 200))
    assert found.facts.embedding == 0
    seen = replace(answers(200, seed=5, brightness=1.0), embeddings=None)
    report = check(found, seen, model_version=MODEL, variant="a", report_id="r")
    assert "brightness" in report.moved


def test_the_record_says_what_windows_would_see(baseline: Baseline) -> None:
    power = {(each.shift, each.samples): each.detected for each in baseline.facts.power}
    assert power["none", 1000] <= 0.05
    assert power["class x4", 1000] >= 0.95
    assert power["class x2", 1000] >= power["class x2", 100]
    assert power["10 % far from every class", 1000] >= 0.95


def test_what_to_expect_of_a_size_lies_between_those_that_were_calibrated(
    baseline: Baseline,
) -> None:
    thresholds = [null.threshold for null in baseline.nulls]
    assert baseline.null(100).threshold == pytest.approx(thresholds[0])
    assert baseline.null(400).threshold == pytest.approx(thresholds[1])
    assert baseline.null(10**6).threshold == pytest.approx(thresholds[-1])
    between = sorted((thresholds[0], baseline.null(200).threshold, thresholds[1]))
    assert between[1] == pytest.approx(baseline.null(200).threshold)
