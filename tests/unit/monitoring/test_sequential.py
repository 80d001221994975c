from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.monitoring.answers import MODEL, answers
from visionml.contracts.monitoring import DriftReport, SequentialState
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.sequential import FEWEST, advance
from visionml.monitoring.window import Window

START = datetime(2026, 11, 20, tzinfo=UTC).timestamp()


def hour(number: int, window: Window) -> Window:
    return replace(window, times=START + 3600 * number + np.arange(float(len(window))))


def counted(
    baseline: Baseline | None, state: SequentialState | None, window: Window
) -> tuple[SequentialState, DriftReport]:
    return advance(
        state, baseline, window, model_version=MODEL, variant="ModelA", report_id="report-1"
    )


def test_many_quiet_hours_raise_no_alarm(baseline: Baseline) -> None:
    state, alarms = None, 0
    for number in range(150):
        state, report = counted(baseline, state, hour(number, answers(10, seed=100 + number)))
        alarms += report.drifted
    assert alarms == 0
    assert report.state == "ok"
    assert state is not None
    assert state.samples == 1500


@pytest.mark.parametrize(
    ("shift", "named"),
    [
        ({"brightness": 1.5}, "brightness"),
        ({"odd": 0.7}, "distance to the nearest class"),
        ({"sureness": 0.0}, "confidence"),
    ],
)
def test_drift_after_a_quiet_day_is_found_within_answers(
    baseline: Baseline, shift: dict[str, float], named: str
) -> None:
    state = None
    for number in range(10):
        state, report = counted(baseline, state, hour(number, answers(10, seed=200 + number)))
        assert not report.drifted
    for number in range(10, 20):
        window = answers(10, seed=300 + number, **shift)  # type: ignore[arg-type]
        state, report = counted(baseline, state, hour(number, window))
        if report.drifted:
            break
    assert report.drifted
    assert report.mode == "sequential"
    assert report.moved[0] == named
    assert state is not None
    assert state.alarmed is not None


def test_an_answer_is_counted_once(baseline: Baseline) -> None:
    window = hour(0, answers(30, seed=5))
    once, _ = counted(baseline, None, window)
    twice, _ = counted(baseline, once, window)
    assert once == twice
    assert once.samples == 30


def test_silence_of_few_answers_is_not_green(baseline: Baseline) -> None:
    _, report = counted(baseline, None, hour(0, answers(FEWEST - 1, seed=6)))
    assert report.state == "not_enough_data"
    _, report = counted(baseline, None, hour(0, answers(0, seed=6)))
    assert report.state == "not_enough_data"


def test_without_a_baseline_nothing_is_counted() -> None:
    state, report = counted(None, None, hour(0, answers(10)))
    assert report.state == "no_baseline"
    assert state.samples == 0


@pytest.mark.parametrize(
    "other", [{"schema_version": 0}, {"variant": "ModelB"}, {"model_version": "v-0"}]
)
def test_what_was_counted_of_others_does_not_count(
    baseline: Baseline, other: dict[str, object]
) -> None:
    state, _ = counted(baseline, None, hour(0, answers(30)))
    after, _ = counted(baseline, state.model_copy(update=other), hour(1, answers(10)))
    assert after.samples == 10


def test_after_an_alarm_the_count_begins_anew(baseline: Baseline) -> None:
    state, report = counted(baseline, None, hour(0, answers(100, brightness=3.0)))
    assert report.drifted
    after, report = counted(baseline, state, hour(1, answers(60, seed=9)))
    assert (after.samples, report.drifted) == (60, False)


def test_values_that_are_no_numbers_win_no_bet(baseline: Baseline) -> None:
    window = answers(60, seed=10)
    window.statistics[:30, 0] = np.nan
    window.statistics[30:40, 0] = np.inf
    state, report = counted(baseline, None, hour(0, window))
    assert report.state == "ok"
    assert all(np.isfinite(value) for each in state.wealth.values() for value in each)
    assert SequentialState.model_validate_json(state.model_dump_json()) == state
