"""The training machine: a dataset version goes in, a registered model or the reason comes out."""

import json
from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.states import State, announce, call, catch, invoke
from visionml.cdk.units.training_jobs import JobArguments
from visionml.contracts.settings import TrainingSettings
from visionml.contracts.training import BELOW_GATE, START_STEP, TrainingRequest

_EXECUTION = "{% $states.context.Execution.Id %}"
_REQUEST = "{% $request %}"
_VERDICT = "{% $verdict %}"


@dataclass(frozen=True)
class TrainingParts:
    """What the machine calls: ARNs of its functions and its topic, and its jobs."""

    recorder_arn: str
    gate_arn: str
    registrar_arn: str
    topic_arn: str
    jobs: JobArguments


def definition(parts: TrainingParts, *, training: TrainingSettings) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``TrainingRequest``."""
    jobs = parts.jobs
    job_seconds = training.max_runtime_seconds + 900
    train_seconds = job_seconds + (training.max_runtime_seconds if training.spot else 0)
    return {
        "Comment": "Prepare, train, evaluate, pass the gate, register.",
        "QueryLanguage": "JSONata",
        "StartAt": "Accept",
        "TimeoutSeconds": 2 * job_seconds + train_seconds + 900,
        "States": {
            "Accept": _accept(),
            START_STEP: _step(START_STEP, _record(parts, "started"), then="Prepare"),
            "Prepare": _step("Prepare", _job("Processing", jobs.prepare(), job_seconds), "Train"),
            "Train": _step("Train", _job("Training", jobs.train(), train_seconds), "Evaluate"),
            "Evaluate": _step("Evaluate", _job("Processing", jobs.evaluate(), job_seconds), "Gate"),
            "Gate": _step("Gate", _gate(parts), then="Passed"),
            "Passed": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $verdict.passed %}", "Next": "Register"}],
                "Default": "RecordRejected",
            },
            "Register": _step("Register", _register(parts), then="RecordRegistered"),
            "RecordRegistered": _step(
                "RecordRegistered", _record(parts, "registered", verdict=_VERDICT), then="Done"
            ),
            "Done": _done(),
            "RecordRejected": _step(
                "RecordRejected",
                _record(parts, "rejected", step="Gate", verdict=_VERDICT),
                then="BelowGate",
            ),
            "BelowGate": {
                "Type": "Fail",
                "Error": BELOW_GATE,
                "Cause": "{% $verdict.reason %}",
            },
            "RecordFailed": _record_failed(parts),
            "Announce": _announce(parts),
            "Failed": {
                "Type": "Fail",
                "Error": "{% $failure.error %}",
                "Cause": "{% $failure.cause %}",
            },
        },
    }


def _accept() -> State:
    """Fill in what the request leaves out, from the contract's own defaults."""
    fields = TrainingRequest.model_fields.items()
    optional = {name: field.default for name, field in fields if not field.is_required()}
    return {
        "Type": "Pass",
        "Assign": {"request": f"{{% $merge([{json.dumps(optional)}, $states.input]) %}}"},
        "Next": START_STEP,
    }


def _step(name: str, state: State, then: str) -> State:
    return {**state, "Catch": catch(name, to="RecordFailed"), "Next": then}


def _record(parts: TrainingParts, action: str, **facts: str) -> State:
    payload = {"action": action, "request": _REQUEST, "execution": _EXECUTION, **facts}
    return invoke(parts.recorder_arn, payload)


def _job(kind: str, arguments: dict[str, Any], seconds: int) -> State:
    return call(f"sagemaker:create{kind}Job.sync", arguments, seconds=seconds)


def _gate(parts: TrainingParts) -> State:
    payload = {"request": _REQUEST, "evaluation_s3_uri": parts.jobs.report()}
    return {
        **invoke(parts.gate_arn, payload),
        "Assign": {"verdict": "{% $states.result.Payload %}"},
    }


def _register(parts: TrainingParts) -> State:
    payload = {
        "request": _REQUEST,
        "artefact_s3_uri": parts.jobs.artefact(),
        "evaluation_s3_uri": parts.jobs.report(),
        "verdict": _VERDICT,
    }
    return {
        **invoke(parts.registrar_arn, payload),
        "Assign": {"model": "{% $states.result.Payload %}"},
    }


def _done() -> State:
    return {
        "Type": "Succeed",
        "Output": {
            "run_id": "{% $request.run_id %}",
            "model_version": "{% $model.model_version %}",
            "model_package_arn": "{% $model.model_package_arn %}",
            "verdict": _VERDICT,
        },
    }


def _record_failed(parts: TrainingParts) -> State:
    """Record the failure; when even that fails, people are still told."""
    told = _record(
        parts,
        "failed",
        step="{% $failure.step %}",
        error="{% $failure.error %}",
        cause="{% $failure.cause %}",
    )
    return {
        **told,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Announce"}],
        "Next": "Announce",
    }


def _announce(parts: TrainingParts) -> State:
    message = (
        "{% 'The training run ' & $string($request.run_id) & ' failed at the step ' "
        "& $failure.step & ': ' & $failure.error & '. ' & $failure.cause %}"
    )
    told = announce(parts.topic_arn, "A training run failed", message)
    return {
        **told,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": "Failed",
    }
