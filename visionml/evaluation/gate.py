"""What a model must reach to be registered, and whether it should serve.

Standard library and pydantic only: a Lambda function judges.
"""

import math
from typing import Literal

from visionml.contracts.evaluation import EvaluationReport, GateResult, Verdict
from visionml.contracts.gates import Gates


def judge(report: EvaluationReport, gates: Gates) -> Verdict:
    """Hold a report against the gates; the verdict's sentence names each gate that failed.

    A figure that was not measured has not passed. A model that passed is recommended unless a
    model serves already and the new one is not better than it beyond noise.
    """
    results = _results(report, gates)
    failed = [result for result in results if not result.passed]
    model = f"The model {report.model_version}"
    if failed:
        faults = "; ".join(_fault(result) for result in failed)
        return Verdict(
            passed=False,
            reason=f"{model} is not registered: on {report.images} holdout images, {faults}.",
            gates=results,
            recommended=False,
        )
    reached = ", ".join(f"{result.gate} {result.value:.4f}" for result in results)
    recommended, why = _advice(report)
    return Verdict(
        passed=True,
        reason=f"{model} passed every gate on {report.images} holdout images ({reached}) and is "
        f"{'recommended' if recommended else 'registered but not recommended'}: {why}.",
        gates=results,
        recommended=recommended,
    )


def _results(report: EvaluationReport, gates: Gates) -> list[GateResult]:
    worst = report.worst_class
    name, recall = worst or ("", None)
    unseen = " of which there is no holdout image" if name in report.unseen else ""
    return [
        _gate("accuracy", report.accuracy, gates.minimum_accuracy),
        _gate("macro_recall", report.macro_recall, gates.minimum_macro_recall),
        _gate(
            "worst_class_recall",
            recall,
            gates.minimum_worst_class_recall,
            detail=f"of the class {name!r}{unseen}" if worst else "",
        ),
        _gate(
            "calibration_error",
            report.calibration.ece if report.calibration else None,
            gates.maximum_calibration_error,
            bound="maximum",
        ),
        _gate(
            "latency_ms",
            report.latency_ms.p99 if report.latency_ms else None,
            gates.maximum_latency_ms,
            bound="maximum",
            detail="at the 99th percentile",
        ),
    ]


def _gate(
    gate: str,
    value: float | None,
    threshold: float,
    *,
    bound: Literal["minimum", "maximum"] = "minimum",
    detail: str = "",
) -> GateResult:
    if value is None or not math.isfinite(value):
        value, passed = None, False
    else:
        passed = value >= threshold if bound == "minimum" else value <= threshold
    return GateResult(
        gate=gate, value=value, threshold=threshold, passed=passed, bound=bound, detail=detail
    )


def _fault(result: GateResult) -> str:
    if result.value is None:
        return f"{result.gate} was not measured"
    side = "below" if result.bound == "minimum" else "above"
    detail = f" ({result.detail})" if result.detail else ""
    return (
        f"{result.gate} {result.value:.4f}{detail} is {side} {result.threshold:.4f} "
        f"by {abs(result.value - result.threshold):.4f}"
    )


def _advice(report: EvaluationReport) -> tuple[bool, str]:
    if report.comparison is None:
        return True, "it was compared with no serving model"
    return report.comparison.better, report.comparison.reason
