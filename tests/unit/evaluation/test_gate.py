"""What a model must reach to be registered."""

import subprocess
import sys

import pytest

from visionml.contracts.evaluation import EvaluationReport
from visionml.evaluation.gate import judge


def report(accuracy: float) -> EvaluationReport:
    return EvaluationReport(
        model_version="run-20261120-100000-abcd",
        dataset="digits",
        dataset_version="v1",
        images=268,
        accuracy=accuracy,
        macro_precision=accuracy,
        macro_recall=accuracy,
        macro_f1=accuracy,
        classes={},
        confusion=[],
        misread=[],
        images_per_second=1.0,
    )


@pytest.mark.parametrize("accuracy", [0.95, 1.0])
def test_a_model_at_or_above_the_gate_passes(accuracy: float) -> None:
    verdict = judge(report(accuracy), minimum_accuracy=0.95)
    assert verdict.passed
    assert verdict.gates[0].passed
    assert "passed every gate on 268 holdout images" in verdict.reason


@pytest.mark.parametrize("accuracy", [0.9499, 0.0, float("nan")])
def test_a_model_below_the_gate_is_told_by_how_much(accuracy: float) -> None:
    verdict = judge(report(accuracy), minimum_accuracy=0.95)
    assert not verdict.passed
    assert not verdict.gates[0].passed
    assert f"accuracy {accuracy:.4f} is below 0.9500" in verdict.reason
    assert "not registered" in verdict.reason


def test_the_gate_needs_nothing_that_a_lambda_function_lacks() -> None:
    code = (
        "import sys, visionml.evaluation.gate; "
        "sys.exit(bool({'torch', 'numpy', 'onnxruntime'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
