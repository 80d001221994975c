"""Every picture is drawn, labelled, and described for those who cannot see it."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from visionml.contracts.evaluation import ClassFigures, EvaluationReport, Misread
from visionml.contracts.inference import ContainerPrediction
from visionml.dataset.samples import grey_png
from visionml.plots import evaluation, images, learning
from visionml.plots.picture import Picture

SCAN = grey_png(np.arange(64, dtype=np.uint8).reshape(8, 8))
COUNTS = pd.DataFrame({"train": [7, 8], "validation": [2, 2], "holdout": [2, 1]}, index=["3", "8"])
HISTORY = pd.DataFrame(
    {"train_loss": [1.0, 0.5], "validation_loss": [1.1, 0.7], "validation_accuracy": [0.8, 0.97]},
    index=[1, 2],
)
ANSWER = ContainerPrediction(
    label="8", probability=0.9, probabilities={"3": 0.1, "8": 0.9}, model_version="run-1"
)
ERROR = Misread(key="images/digits/3/a.png", label="3", predicted="8", probability=0.7)


def report(confusion: list[list[int]]) -> EvaluationReport:
    figures = ClassFigures(precision=0.9, recall=0.8, f1=0.85, images=10)
    return EvaluationReport(
        model_version="run-1",
        dataset="digits",
        dataset_version="v",
        images=sum(map(sum, confusion)),
        accuracy=0.9,
        macro_precision=0.9,
        macro_recall=0.8,
        macro_f1=0.85,
        classes={"3": figures, "8": figures},
        confusion=confusion,
        misread=[ERROR],
        images_per_second=100.0,
    )


DRAWN: dict[str, tuple[Callable[[], Picture], str]] = {
    "sample grid": (
        lambda: images.sample_grid([("3", SCAN), ("8", SCAN)], title="Scans", columns=2),
        "Scans: 2 images of the classes 3, 8.",
    ),
    "misread": (
        lambda: images.misread([(ERROR, SCAN)], title="Errors"),
        "Errors: 3 read as 8.",
    ),
    "nothing misread": (lambda: images.misread([], title="Errors"), "Errors: none."),
    "answer": (
        lambda: images.answer(SCAN, ANSWER),
        "An image and the answer to it: 8 with a probability of 90.0%.",
    ),
    "class balance": (
        lambda: learning.class_balance(COUNTS),
        "Images by class and split: between 11 and 11 per class.",
    ),
    "learning curves": (
        lambda: learning.learning_curves(HISTORY, gate=0.95),
        "Loss and accuracy over 2 epochs; best validation accuracy 97.0%.",
    ),
    "confusion": (
        lambda: evaluation.confusion(report([[9, 1], [0, 10]])),
        "Confusion matrix: 1 of 20 images misread.",
    ),
    "class figures": (
        lambda: evaluation.class_figures(report([[9, 1], [0, 10]])),
        "Precision and recall by class; the lowest figure is 80.0%.",
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_a_png_with_a_description(name: str) -> None:
    draw, description = DRAWN[name]
    content, metadata = draw()._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert metadata["alt"] == description


@pytest.mark.parametrize("name", ["class balance", "learning curves", "confusion", "class figures"])
def test_axes_of_a_chart_have_labels_and_titles(name: str) -> None:
    for axes in DRAWN[name][0]().figure.axes:
        assert axes.get_ylabel() or axes.get_xlabel()
    assert DRAWN[name][0]().figure.axes[0].get_xlabel()
    assert DRAWN[name][0]().figure.axes[0].get_title(loc="left")


def test_the_answer_marks_the_label_among_at_most_ten_classes() -> None:
    many = {str(n): 0.5 / 29 for n in range(29)} | {"cat": 0.5}
    best = ContainerPrediction(label="cat", probability=0.5, probabilities=many, model_version="v")
    bars = images.answer(SCAN, best).figure.axes[1].patches
    assert len(bars) == 10


def test_drawing_changes_no_global_style(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    for draw, _ in DRAWN.values():
        (tmp_path / "picture.png").write_bytes(draw().png())
    assert dict(mpl.rcParams) == before
