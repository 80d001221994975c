"""A week of images: what is said of each shift, and nothing of the rest."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.models import write_brightness_model
from tests.unit.monitoring.test_reference import entry
from visionml.contracts.settings import DriftSettings
from visionml.dataset.samples import cuttings
from visionml.model.predict import Predictor
from visionml.monitoring.baseline import fit
from visionml.monitoring.reference import Part, reference
from visionml.monitoring.week import HOURS, Week, week
from visionml.plots import drift

SIDE = 8


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """A week of dark and light pictures with some grain."""
    folder: Path = tmp_path_factory.mktemp("model")
    write_brightness_model(folder, size=SIDE, embedding=True)
    model, chance = Predictor(folder), np.random.default_rng(0)
    rows = [entry(number, "holdout") for number in range(600)]
    light = np.array([80 + 80 * (row.label == "light") for row in rows])[:, None, None, None]
    grain = chance.normal(0, 12, (len(rows), SIDE, SIDE, 3)) + chance.normal(0, 8, light.shape)
    pool = Part((light + grain).clip(0, 255).astype(np.uint8), rows)
    baseline = fit(reference(model, [pool]), model_version="run-1", sizes=(100, 400))
    strangers = cuttings(height=SIDE, width=SIDE, most=40)
    return week(model, baseline, pool, strangers=strangers, settings=DriftSettings())


def test_what_is_plain_to_see_becomes_an_alarm_within_two_hours(found: Week) -> None:
    seen = {each.shift: each for each in found.seen}
    for shift in ("night", "other camera", "blur", "new class"):
        assert seen[shift].first_report == 1, seen[shift]
        assert seen[shift].first_alarm == 2
    assert set(found.detected) >= {"night", "other camera", "blur", "new class"}
    assert "aspect" in seen["other camera"].moved


def test_quiet_hours_are_counted_and_raise_no_alarm(found: Week) -> None:
    assert len(found.hours) == HOURS
    assert len(found.quiet) == HOURS - sum(each.end - each.begin for each in found.shifts)
    assert found.false_alarms == 0
    assert sum(hour.report.drifted for hour in found.quiet) <= 5


def test_an_alarm_out_of_nothing_is_counted(found: Week) -> None:
    hours = [*found.hours]
    hours[5] = type(hours[5])(report=hours[5].report, alarm=True, shift="", recent=False)
    assert Week(tuple(hours), found.shifts).false_alarms == 1


def test_the_picture_says_what_it_shows(found: Week) -> None:
    drawn = drift.timeline(found)
    assert "night" in drawn.description
    assert drawn.png().startswith(b"\x89PNG")
    facts = found.hours[0].report.baseline
    assert facts is not None
    assert "answers" in drift.power(facts).description
