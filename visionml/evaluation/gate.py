"""What a model must reach to be registered. Standard library only: a Lambda function judges."""

from visionml.contracts.evaluation import EvaluationReport, GateResult, Verdict


def judge(report: EvaluationReport, *, minimum_accuracy: float) -> Verdict:
    """Hold a report against the gates; the verdict's reason names each gate that failed."""
    gates = [_at_least("accuracy", report.accuracy, minimum_accuracy)]
    failed = [gate for gate in gates if not gate.passed]
    model = f"The model {report.model_version}"
    if failed:
        faults = "; ".join(
            f"{gate.gate} {gate.value:.4f} is below {gate.threshold:.4f}" for gate in failed
        )
        reason = f"{model} is not registered: on {report.images} holdout images, {faults}."
    else:
        reached = ", ".join(f"{gate.gate} {gate.value:.4f}" for gate in gates)
        reason = f"{model} passed every gate on {report.images} holdout images: {reached}."
    return Verdict(passed=not failed, reason=reason, gates=gates)


def _at_least(gate: str, value: float, threshold: float) -> GateResult:
    # written so that a figure that is not a number fails
    return GateResult(gate=gate, value=value, threshold=threshold, passed=value >= threshold)
