"""The training machine: a dataset version goes in, a registered model or the reason comes out."""

import json
from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.states import State, announce, call, catch, choose, invoke, publish
from visionml.cdk.units.training_jobs import JobArguments
from visionml.contracts.events import RUN_COMPLETED, RUN_FAILED, RUN_REJECTED, TRAINING_SOURCE
from visionml.contracts.preparation import SHARD_SECONDS
from visionml.contracts.settings import TrainingSettings
from visionml.contracts.training import BELOW_GATE, START_STEP, TrainingRequest

_EXECUTION = "{% $states.context.Execution.Id %}"
_REQUEST = "{% $request %}"
_VERDICT = "{% $verdict %}"
_ARTEFACT = "{% $chosen.candidate.artefact_s3_uri %}"


@dataclass(frozen=True)
class TrainingParts:
    """What the machine calls: ARNs of its functions and its topic, and its jobs."""

    planner_arn: str
    preparer_arn: str
    recorder_arn: str
    chooser_arn: str
    gate_arn: str
    registrar_arn: str
    topic_arn: str
    jobs: JobArguments
    preparers: int
    """How many shards are prepared at once."""


def definition(parts: TrainingParts, *, training: TrainingSettings) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``TrainingRequest``.

    The plan says which jobs an earlier attempt at the run has finished; those are passed by.
    """
    seconds = job_seconds(training)
    return {
        "Comment": "Plan, prepare, tune, train, choose, evaluate, pass the gates, register.",
        "QueryLanguage": "JSONata",
        "StartAt": "Accept",
        "TimeoutSeconds": sum(seconds.values()) + 1800,
        "States": {
            "Accept": _accept(),
            START_STEP: _step(START_STEP, _plan(parts), then="IsPrepared"),
            **_making(parts, seconds),
            **_judging(parts, seconds),
            **_completing(parts),
            **_rejecting(parts),
            **_failing(parts),
        },
    }


def job_seconds(training: TrainingSettings) -> dict[str, int]:
    """Return how long the machine waits for each of its jobs: their own limits and some more."""
    job = training.max_runtime_seconds + 900
    waiting = training.max_runtime_seconds if training.spot else 0
    return {
        "prepare": job,
        "tune": training.tuning_max_runtime_seconds + 900,
        "train": job + waiting,
        "evaluate": job,
    }


def _making(parts: TrainingParts, seconds: dict[str, int]) -> dict[str, State]:
    """Return the states from a dataset version to the best model."""
    jobs = parts.jobs
    prepare = call("sagemaker:createProcessingJob.sync", jobs.prepare(), seconds["prepare"])
    tune = call("sagemaker:createHyperParameterTuningJob.sync", jobs.tune(), seconds["tune"])
    train = {
        **call("sagemaker:createTrainingJob.sync", jobs.train(), seconds["train"]),
        "Assign": {"artefact": "{% $states.result.ModelArtifacts.S3ModelArtifacts %}"},
    }
    prepared, trained = "{% $plan.prepared_s3_uri %}", "{% $artefact %}"
    by_function = ("{% $plan.prepare.wanted and $count($plan.shards) > 0 %}", "PrepareShards")
    by_job = ("{% $plan.prepare.wanted %}", "Prepare")
    after_tuning = ("{% $plan.train.wanted and $request.mode = 'both' %}", "ChooseTuned")
    return {
        "IsPrepared": choose(by_function, by_job, otherwise="IsTuned"),
        "PrepareShards": _step("Prepare", _shards(parts), then="RecordPrepared"),
        "Prepare": _step("Prepare", prepare, then="RecordPrepared"),
        "RecordPrepared": _finished(parts, "Prepare", prepared, then="IsTuned"),
        "IsTuned": _wanted("tune", "Tune", otherwise="IsTrained"),
        "Tune": _step("Tune", tune, then="RecordTuned"),
        "RecordTuned": _finished(parts, "Tune", None, then="IsTrained"),
        "IsTrained": choose(
            after_tuning, ("{% $plan.train.wanted %}", "Train"), otherwise="Choose"
        ),
        "ChooseTuned": _step("ChooseTuned", _best_tuned(parts), then="Train"),
        "Train": _step("Train", train, then="RecordTrained"),
        "RecordTrained": _finished(parts, "Train", trained, then="Choose"),
        "Choose": _step("Choose", _best(parts), then="IsEvaluated"),
    }


def _judging(parts: TrainingParts, seconds: dict[str, int]) -> dict[str, State]:
    """Return the states from the best model to the verdict."""
    evaluate = call(
        "sagemaker:createProcessingJob.sync", parts.jobs.evaluate(), seconds["evaluate"]
    )
    report = parts.jobs.report()
    return {
        "IsEvaluated": _wanted("evaluate", "Evaluate", otherwise="Gate"),
        "Evaluate": _step("Evaluate", evaluate, then="RecordEvaluated"),
        "RecordEvaluated": _finished(parts, "Evaluate", report, then="Gate"),
        "Gate": _step("Gate", _gate(parts), then="Passed"),
        "Passed": choose(("{% $verdict.passed %}", "Register"), otherwise="RecordRejected"),
    }


def _completing(parts: TrainingParts) -> dict[str, State]:
    """Return the states from a verdict in favour to the end."""
    record = _record(parts, "registered", verdict=_VERDICT)
    message = (
        "{% 'The training run ' & $request.run_id & ' has registered its model as ' "
        "& $model.model_package_arn & '. ' & $verdict.reason %}"
    )
    model = {
        "model_version": "{% $model.model_version %}",
        "model_package_arn": "{% $model.model_package_arn %}",
        "verdict": _VERDICT,
    }
    return {
        "Register": _step("Register", _register(parts), then="RecordRegistered"),
        "RecordRegistered": _step("RecordRegistered", record, then="PublishCompleted"),
        "PublishCompleted": _publish(RUN_COMPLETED, model, then="AnnounceCompleted"),
        "AnnounceCompleted": _announce(parts, "A model was registered", message, then="Done"),
        "Done": {"Type": "Succeed", "Output": {"run_id": "{% $request.run_id %}", **model}},
    }


def _rejecting(parts: TrainingParts) -> dict[str, State]:
    """Return the states of a run whose model did not pass the gates."""
    record = _record(parts, "rejected", step="Gate", verdict=_VERDICT)
    message = (
        "{% 'The training run ' & $request.run_id & ' has registered no model. ' "
        "& $verdict.reason %}"
    )
    return {
        "RecordRejected": _step("RecordRejected", record, then="PublishRejected"),
        "PublishRejected": _publish(RUN_REJECTED, {"verdict": _VERDICT}, then="AnnounceRejected"),
        "AnnounceRejected": _announce(parts, "A model was rejected", message, then="BelowGate"),
        "BelowGate": {"Type": "Fail", "Error": BELOW_GATE, "Cause": "{% $verdict.reason %}"},
    }


def _failing(parts: TrainingParts) -> dict[str, State]:
    """Return the states of a run of which a step failed; each goes on whatever happens in it.

    A run that was refused because its id is taken is no failure of that run: nobody is told.
    """
    failure = {name: f"{{% $failure.{name} %}}" for name in ("step", "error", "cause")}
    record = {
        **_record(parts, "failed", **failure),
        "Assign": {"told": "{% $states.result.Payload.status %}"},
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Assign": {"told": "failed"},
                "Next": "IsRecorded",
            }
        ],
    }
    message = (
        "{% 'The training run ' & $string($request.run_id) & ' failed at the step ' "
        "& $failure.step & ': ' & $failure.error & '. ' & $failure.cause %}"
    )
    return {
        "RecordFailed": {**record, "Next": "IsRecorded"},
        "IsRecorded": choose(("{% $told = 'failed' %}", "PublishFailed"), otherwise="Failed"),
        "PublishFailed": _publish(RUN_FAILED, failure, then="AnnounceFailed"),
        "AnnounceFailed": _announce(parts, "A training run failed", message, then="Failed"),
        "Failed": {"Type": "Fail", "Error": failure["error"], "Cause": failure["cause"]},
    }


def _accept() -> State:
    """Fill in what the request leaves out, from the contract's own defaults."""
    fields = TrainingRequest.model_fields.items()
    optional = {name: field.default for name, field in fields if not field.is_required()}
    return {
        "Type": "Pass",
        "Assign": {
            "request": f"{{% $merge([{json.dumps(optional)}, $states.input]) %}}",
            "tuned": {},
        },
        "Next": START_STEP,
    }


def _step(name: str, state: State, then: str) -> State:
    return {**state, "Catch": catch(name, to="RecordFailed"), "Next": then}


def _wanted(step: str, state: str, *, otherwise: str) -> State:
    return choose((f"{{% $plan.{step}.wanted %}}", state), otherwise=otherwise)


def _plan(parts: TrainingParts) -> State:
    payload = {"request": _REQUEST, "execution": _EXECUTION}
    return {
        **invoke(parts.planner_arn, payload),
        "Assign": {"plan": "{% $states.result.Payload %}"},
    }


def _shards(parts: TrainingParts) -> State:
    """Prepare every shard of the plan by a function; the first that fails ends the step."""
    order = {
        "split": "{% $states.context.Map.Item.Value.split %}",
        "number": "{% $states.context.Map.Item.Value.number %}",
        "dataset": "{% $request.dataset %}",
        "dataset_version": "{% $request.dataset_version %}",
        "image_size": "{% $plan.hyperparameters.image_size %}",
        "prepared_s3_uri": "{% $plan.prepared_s3_uri %}",
    }
    prepare = invoke(parts.preparer_arn, "{% $states.input %}", seconds=SHARD_SECONDS)
    return {
        "Type": "Map",
        "Items": "{% $plan.shards %}",
        "ItemSelector": order,
        "MaxConcurrency": parts.preparers,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "PrepareShard",
            "States": {"PrepareShard": {**prepare, "End": True}},
        },
        "Output": {"images": "{% $sum($states.result.images) %}"},
    }


def _record(parts: TrainingParts, action: str, **facts: str) -> State:
    payload = {"action": action, "request": _REQUEST, "execution": _EXECUTION, **facts}
    return invoke(parts.recorder_arn, payload)


def _finished(parts: TrainingParts, step: str, output: str | None, *, then: str) -> State:
    job = f"{{% $plan.{step.lower()}.job %}}"
    facts = {"step": step, "job": job, **({"output": output} if output else {})}
    past = {"Prepare": "Prepared", "Tune": "Tuned", "Train": "Trained", "Evaluate": "Evaluated"}
    return _step(f"Record{past[step]}", _record(parts, "finished", **facts), then=then)


def _best_tuned(parts: TrainingParts) -> State:
    """Look up the best job of the tuning, for its hyperparameters."""
    payload = {"request": _REQUEST, "tuning_job": "{% $plan.tune.job %}"}
    return {
        **invoke(parts.chooser_arn, payload),
        "Assign": {"tuned": "{% $states.result.Payload.candidate.tuned %}"},
    }


def _best(parts: TrainingParts) -> State:
    """Look up the best of all jobs of the run, and the model that it has to beat."""
    jobs = {
        "tuning_job": "{% $request.mode = 'train' ? null : $plan.tune.job %}",
        "training_job": "{% $request.mode = 'tune' ? null : $plan.train.job %}",
    }
    return {
        **invoke(parts.chooser_arn, {"request": _REQUEST, **jobs}),
        "Assign": {"chosen": "{% $states.result.Payload %}"},
    }


def _gate(parts: TrainingParts) -> State:
    payload = {"request": _REQUEST, "evaluation_s3_uri": parts.jobs.report()}
    return {
        **invoke(parts.gate_arn, payload),
        "Assign": {"verdict": "{% $states.result.Payload %}"},
    }


def _register(parts: TrainingParts) -> State:
    payload = {
        "request": _REQUEST,
        "artefact_s3_uri": _ARTEFACT,
        "evaluation_s3_uri": parts.jobs.report(),
        "verdict": _VERDICT,
    }
    return {
        **invoke(parts.registrar_arn, payload),
        "Assign": {"model": "{% $states.result.Payload %}"},
    }


def _publish(kind: str, detail: dict[str, str], *, then: str) -> State:
    about = {
        "run_id": "{% $string($request.run_id) %}",
        "dataset": "{% $string($request.dataset) %}",
        "dataset_version": "{% $string($request.dataset_version) %}",
    }
    told = publish(TRAINING_SOURCE, kind, {**about, **detail})
    return {**told, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": then}], "Next": then}


def _announce(parts: TrainingParts, subject: str, message: str, *, then: str) -> State:
    told = announce(parts.topic_arn, subject, message)
    return {**told, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": then}], "Next": then}
