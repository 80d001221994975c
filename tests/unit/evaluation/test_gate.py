"""What a model must reach to be registered, and when it is recommended."""

import subprocess
import sys
from typing import Any

import pytest

from visionml.contracts.evaluation import (
    Calibration,
    ClassFigures,
    Comparison,
    EvaluationReport,
    Latency,
    Verdict,
)
from visionml.contracts.gates import Gates
from visionml.evaluation.gate import judge

GATES = Gates(
    minimum_accuracy=0.95,
    minimum_macro_recall=0.9,
    minimum_worst_class_recall=0.8,
    maximum_calibration_error=0.05,
    maximum_latency_ms=100,
)
BETTER = Comparison(champion_version="run-1", better=True, reason="it is better than run-1")
NOISE = Comparison(champion_version="run-1", reason="it is not better beyond noise than run-1")


def of_class(recall: float, images: int = 20) -> ClassFigures:
    return ClassFigures(precision=recall, recall=recall, f1=recall, images=images)


def report(**facts: Any) -> EvaluationReport:
    """Return a report that passes every gate, but for `facts`."""
    good: dict[str, Any] = {
        "model_version": "run-20261120-100000-abcd",
        "dataset": "digits",
        "dataset_version": "v1",
        "images": 268,
        "accuracy": 0.97,
        "macro_precision": 0.97,
        "macro_recall": 0.97,
        "macro_f1": 0.97,
        "classes": {"3": of_class(0.9), "8": of_class(1)},
        "confusion": [],
        "misread": [],
        "images_per_second": 1.0,
        "calibration": Calibration(ece=0.02, bins=[]),
        "latency_ms": Latency(p50=1, p99=9, images=100),
    }
    return EvaluationReport(**{**good, **facts})


def test_a_model_that_reaches_everything_passes_with_its_numbers() -> None:
    verdict = judge(report(), GATES)
    assert verdict.passed
    assert verdict.recommended
    assert {gate.gate: gate.value for gate in verdict.gates} == {
        "accuracy": 0.97,
        "macro_recall": 0.97,
        "worst_class_recall": 0.9,
        "calibration_error": 0.02,
        "latency_ms": 9,
    }
    assert "passed every gate on 268 holdout images (accuracy 0.9700, macro" in verdict.reason


@pytest.mark.parametrize(
    ("facts", "gate", "fault"),
    [
        ({"accuracy": 0.9499}, "accuracy", "accuracy 0.9499 is below 0.9500 by 0.0001"),
        ({"macro_recall": 0.5}, "macro_recall", "macro_recall 0.5000 is below 0.9000 by 0.4000"),
        (
            {"classes": {"3": of_class(0.75), "8": of_class(1)}},
            "worst_class_recall",
            "worst_class_recall 0.7500 (of the class '3') is below 0.8000 by 0.0500",
        ),
        (
            {"classes": {"3": of_class(1), "8": of_class(0, images=0)}},
            "worst_class_recall",
            "(of the class '8' of which there is no holdout image) is below 0.8000",
        ),
        (
            {"calibration": Calibration(ece=0.07, bins=[])},
            "calibration_error",
            "calibration_error 0.0700 is above 0.0500 by 0.0200",
        ),
        (
            {"latency_ms": Latency(p50=1, p99=250, images=100)},
            "latency_ms",
            "latency_ms 250.0000 (at the 99th percentile) is above 100.0000 by 150.0000",
        ),
        ({"accuracy": float("nan")}, "accuracy", "accuracy was not measured"),
        ({"calibration": None}, "calibration_error", "calibration_error was not measured"),
        ({"latency_ms": None}, "latency_ms", "latency_ms was not measured"),
        ({"classes": {}}, "worst_class_recall", "worst_class_recall was not measured"),
    ],
)
def test_a_gate_that_fails_is_named_with_its_number(
    facts: dict[str, Any], gate: str, fault: str
) -> None:
    verdict = judge(report(**facts), GATES)
    assert not verdict.passed
    assert not verdict.recommended
    assert [result.gate for result in verdict.gates if not result.passed] == [gate]
    assert "is not registered: on 268 holdout images, " in verdict.reason
    assert fault in verdict.reason
    assert verdict.reason.count(". ") == 0


def test_every_gate_that_failed_is_named() -> None:
    verdict = judge(report(accuracy=0.5, macro_recall=0.5), GATES)
    assert "accuracy 0.5000 is below 0.9500 by 0.4500; macro_recall 0.5000 is" in verdict.reason


@pytest.mark.parametrize("accuracy", [0.95, 1.0])
def test_a_figure_at_its_gate_passes(accuracy: float) -> None:
    assert judge(report(accuracy=accuracy), GATES).passed


def test_a_gate_at_its_extreme_lets_everything_pass() -> None:
    nothing = {"classes": {"3": of_class(0, images=0)}, "calibration": Calibration(ece=1, bins=[])}
    gates = GATES.model_copy(
        update={"minimum_worst_class_recall": 0.0, "maximum_calibration_error": 1.0}
    )
    assert judge(report(**nothing), gates).passed


@pytest.mark.parametrize(
    ("comparison", "recommended", "sentence"),
    [
        (None, True, "is recommended: it was compared with no serving model."),
        (BETTER, True, "is recommended: it is better than run-1."),
        (NOISE, False, "is registered but not recommended: it is not better beyond noise"),
    ],
)
def test_a_model_is_recommended_when_it_is_better_than_the_serving_one(
    comparison: Comparison | None, recommended: bool, sentence: str
) -> None:
    verdict = judge(report(comparison=comparison), GATES)
    assert verdict.passed
    assert verdict.recommended is recommended
    assert sentence in verdict.reason


def test_a_better_model_below_a_gate_is_not_recommended() -> None:
    verdict = judge(report(accuracy=0.5, comparison=BETTER), GATES)
    assert (verdict.passed, verdict.recommended) == (False, False)


def test_a_verdict_survives_json_even_where_nothing_was_measured() -> None:
    verdict = judge(report(calibration=None, accuracy=float("nan")), GATES)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_the_gate_needs_nothing_that_a_lambda_function_lacks() -> None:
    code = (
        "import sys, visionml.evaluation.gate; "
        "sys.exit(bool({'torch', 'numpy', 'onnxruntime'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
