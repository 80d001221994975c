"""Mistakes in state machines that deploy models or choose among them."""

from collections.abc import Iterator, Mapping

from visionml.guardrails.check import Check, Fault, Subject
from visionml.guardrails.rollouts import config_faults
from visionml.guardrails.template import Machine, Step, mappings, text

_LOOKS_UP = ("describeHyperParameterTuningJob", "listTrainingJobsForHyperParameterTuningJob")


def _without_config(subject: Subject) -> Iterator[Fault]:
    for machine in subject.machines():
        for step in _updates(machine):
            if isinstance(step.arguments, Mapping) and not step.arguments.get("DeploymentConfig"):
                yield Fault(
                    step.where,
                    "The endpoint is updated without a DeploymentConfig.",
                    "Pass one with every update: SageMaker does not use the previous one again.",
                )


def _unarmed(subject: Subject) -> Iterator[Fault]:
    declared = {
        text(alarm.properties.get("AlarmName", ""))
        for alarm in subject.resources("AWS::CloudWatch::Alarm")
    }
    for machine in subject.machines():
        for step in _updates(machine):
            config = step.arguments.get("DeploymentConfig") if _given(step) else None
            if not isinstance(config, Mapping):  # an expression: the planner has checked it
                continue
            yield from config_faults(config, where=step.where)
            for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", []):
                if alarm["AlarmName"] not in declared:
                    yield Fault(
                        step.where,
                        f"No stack declares the alarm {alarm['AlarmName']}.",
                        "Name alarms that exist.",
                    )


def _fixed_counts(subject: Subject) -> Iterator[Fault]:
    for machine in subject.machines():
        for step in machine.steps:
            if not step.calls("createEndpointConfig"):
                continue
            for found in mappings(step.arguments):
                if isinstance(found.get("InitialInstanceCount"), int):
                    yield Fault(
                        step.where,
                        f"The new fleet always has {found['InitialInstanceCount']} instances.",
                        "Take the count that the endpoint runs now from the plan.",
                    )


def _too_early(subject: Subject) -> Iterator[Fault]:
    for machine in subject.machines():
        looks = frozenset(s.name for s in machine.steps if s.calls("describeEndpoint"))
        for update in _updates(machine):
            for step in machine.after(update, without=looks):
                if _writes(step):
                    yield Fault(
                        step.where,
                        f"It records what came of {update.name} before the endpoint was looked at.",
                        "Describe the endpoint until it has come to rest, then record.",
                    )


def _writes(step: Step) -> bool:
    """Say whether a step keeps a deployment's result: by itself, or by a recorder."""
    if step.calls("putParameter", "putObject"):
        return True
    return step.calls("invoke") and any(
        "recorder" in text(found.get("FunctionName", "")).lower()
        for found in mappings(step.arguments)
    )


def _by_status(subject: Subject) -> Iterator[Fault]:
    for machine in subject.machines():
        succeeds = {s.name for s in machine.steps if s.state.get("Type") == "Succeed"}
        for step in machine.steps:
            asks_status = "EndpointStatus" in str(step.state.get("Choices", ""))
            if asks_status and step.following() & succeeds:
                yield Fault(
                    step.where,
                    "It ends as a success because of the endpoint's status.",
                    "Compare the configuration that serves with the one that was asked for.",
                )


def _best_assumed(subject: Subject) -> Iterator[Fault]:
    for machine in subject.machines():
        for tuning in machine.steps:
            if not tuning.calls("createHyperParameterTuningJob"):
                continue
            later = machine.after(tuning)
            if not any(step.calls(*_LOOKS_UP) or _chooses(step) for step in later):
                yield Fault(
                    tuning.where,
                    "Nothing after the tuning looks up which of its jobs was the best.",
                    "Ask SageMaker for it, in a step of its own.",
                )


def _chooses(step: Step) -> bool:
    return step.calls("invoke") and any(
        "chooser" in text(found.get("FunctionName", "")).lower()
        for found in mappings(step.arguments)
    )


def _updates(machine: Machine) -> list[Step]:
    return [step for step in machine.steps if step.calls("updateEndpoint")]


def _given(step: Step) -> bool:
    return isinstance(step.arguments, Mapping)


CHECKS = (
    Check(
        "update-without-config",
        "UpdateEndpoint forgets the previous DeploymentConfig, so that no alarm is armed.",
        _without_config,
    ),
    Check(
        "alarms-unarmed",
        "An update whose configuration names no alarm that exists is never taken back.",
        _unarmed,
    ),
    Check(
        "fixed-instance-count",
        "A configuration with the first instance count undoes what autoscaling has done since.",
        _fixed_counts,
    ),
    Check(
        "recorded-too-early",
        "A baseline or version written before the rollout has ended survives its rollback.",
        _too_early,
    ),
    Check(
        "outcome-by-status",
        "An endpoint is InService after a rollback as well.",
        _by_status,
    ),
    Check(
        "best-job-assumed",
        "A tuning job's best model is not the last one, and there may be none.",
        _best_assumed,
    ),
)
