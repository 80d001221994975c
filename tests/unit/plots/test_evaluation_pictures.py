"""Pictures of confidence, slices and gates."""

from collections.abc import Callable

import pytest

from tests.fakes import events
from visionml.contracts.evaluation import EvaluationReport, GateResult, Verdict
from visionml.errors import InvalidInput
from visionml.plots import evaluation_confidence, evaluation_slices
from visionml.plots.picture import Picture

REPORT = EvaluationReport.model_validate(events.load("evaluation_report"))
FIRST = REPORT.model_copy(update={"calibration": None, "slices": {}, "threshold_curve": []})
VERDICT = Verdict(
    passed=False,
    reason="",
    gates=[
        GateResult(gate="accuracy", value=0.98, threshold=0.95, passed=True),
        GateResult(gate="latency_ms", value=900, threshold=5, passed=False, bound="maximum"),
        GateResult(gate="macro_recall", value=0.1, threshold=0, passed=True),
        GateResult(gate="calibration_error", value=None, threshold=0.1, passed=False),
    ],
)

DRAWN: dict[str, tuple[Callable[[], Picture], str]] = {
    "reliability": (
        lambda: evaluation_confidence.reliability(REPORT),
        "Accuracy by confidence in 2 bins of the holdout; the expected calibration error is 0.015.",
    ),
    "abstention": (
        lambda: evaluation_confidence.abstention(REPORT),
        "Accuracy of the answered images: 98.33% when all are answered, 99.15% for the 97.5% at a "
        "confidence of 0.620 or more.",
    ),
    "abstention without a threshold": (
        lambda: evaluation_confidence.abstention(
            REPORT.model_copy(update={"threshold": None, "at_threshold": None})
        ),
        "Accuracy of the answered images: 98.33% when all are answered.",
    ),
    "slices": (
        lambda: evaluation_slices.slices(REPORT),
        "Accuracy by brightness, sharpness, size of the holdout images; lowest 97.8% in the slice "
        "darkest, 98.3% over all.",
    ),
    "gates": (
        lambda: evaluation_slices.gates(VERDICT),
        "4 gates, failed: latency_ms, calibration_error.",
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_a_labelled_png_with_a_description(name: str) -> None:
    draw, description = DRAWN[name]
    drawn = draw()
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")
    assert drawn.description == description
    for axes in drawn.figure.axes:
        assert axes.get_xlabel()
        assert axes.get_title(loc="left")


@pytest.mark.parametrize(
    "draw",
    [evaluation_confidence.reliability, evaluation_confidence.abstention, evaluation_slices.slices],
)
def test_a_first_report_has_no_such_picture(draw: Callable[[EvaluationReport], Picture]) -> None:
    with pytest.raises(InvalidInput, match=r"run-20261120.*evaluate the model again"):
        draw(FIRST)
