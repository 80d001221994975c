"""The serving model reads the new one's holdout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.colours import BLIND, SURE, write_model, write_split
from visionml.contracts.evaluation import Comparison
from visionml.evaluation.report import evaluate
from visionml.model import artefact
from visionml.model.predict import Predictor

SERVING = "run-20261101-100000-0000"
LABELS = ["red", "green", "blue"] * 20
COLOURS = [0, 1, 2] * 20


def compared(
    tmp_path: Path,
    *,
    ours: np.ndarray = SURE,
    theirs: np.ndarray = SURE,
    colours: list[int] | None = None,
    **champion: Any,
) -> Comparison:
    """Evaluate a model against a champion with the given weights and facts."""
    facts = {"version": SERVING, **champion}
    archive = artefact.pack(
        write_model(tmp_path / "champion", theirs, **facts), tmp_path / "champion.tar.gz"
    )
    model = Predictor(write_model(tmp_path / "model", ours))
    holdout = write_split(tmp_path / "h", LABELS, colours or COLOURS)
    comparison = evaluate(model, holdout, champion=archive).comparison
    assert comparison is not None
    return comparison


def test_a_better_model_is_told_by_how_much(tmp_path: Path) -> None:
    found = compared(tmp_path, theirs=BLIND)  # it calls everything red
    assert (found.champion_version, found.comparable, found.better) == (SERVING, True, True)
    assert (found.wins, found.losses) == (40, 0)
    assert found.difference == pytest.approx(2 / 3)
    assert found.p_value is not None
    assert found.p_value < 1e-9


def test_an_equal_model_is_not_better(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert (found.comparable, found.better, found.wins, found.losses) == (True, False, 0, 0)
    assert (found.difference, found.p_value) == (0, 1)


def test_classes_are_matched_by_name_not_by_number(tmp_path: Path) -> None:
    swapped = SURE[:, [1, 0, 2]]
    found = compared(tmp_path, theirs=swapped, classes=("green", "red", "blue"))
    assert (found.wins, found.losses) == (0, 0)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"classes": ("red", "green", "cat")}, "no longer has cat and adds blue"),
        ({"size": 4}, "takes images of 4 x 4 pixels, and the holdout is prepared with 2 x 2"),
        ({"version": "run-20261120-100000-abcd"}, "it is the same model"),
        ({"theirs": SURE * np.nan}, "no probabilities for 60 of 60 images"),
    ],
)
def test_models_of_different_questions_are_not_compared(
    tmp_path: Path, facts: dict[str, Any], why: str
) -> None:
    found = compared(tmp_path, **facts)
    assert (found.comparable, found.better, found.p_value) == (False, False, None)
    assert "cannot be compared with the serving model (run-" in found.reason
    assert why in found.reason


def test_a_champion_that_cannot_be_read_does_not_fail_the_evaluation(tmp_path: Path) -> None:
    archive = tmp_path / "champion.tar.gz"
    archive.write_bytes(b"not an archive")
    model = Predictor(write_model(tmp_path / "model"))
    report = evaluate(model, write_split(tmp_path / "h", LABELS, COLOURS), champion=archive)
    assert report.comparison is not None
    assert not report.comparison.comparable
    assert "(of an unknown version): The artefact" in report.comparison.reason
    assert "cannot be unpacked" in report.comparison.reason


def test_a_champion_of_another_dataset_version_may_know_these_images(tmp_path: Path) -> None:
    found = compared(tmp_path, dataset_version="v0")
    assert "trained on colours@v0, which may hold some of these holdout images" in found.reason
