"""State machines call what their roles allow, and hand over the roles that they may."""

import re
from collections.abc import Iterator
from typing import Any

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.guardrails.grants import listed, pairs, readable, role_statements
from visionml.guardrails.template import Machine, Step, machines, mappings

_RULES = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
_JOBS = {
    "sagemaker:createTrainingJob": ("TrainingJob", "sagemaker"),
    "sagemaker:createProcessingJob": ("ProcessingJob", "sagemaker"),
    "sagemaker:createHyperParameterTuningJob": ("HyperParameterTuningJob", "sagemaker"),
    "sagemaker:createTransformJob": ("TransformJob", "sagemaker"),
}
_SYNC = {
    "batch:submitJob": ("batch:SubmitJob", "batch:DescribeJobs", "batch:TerminateJob", *_RULES),
    **{
        call: (
            *(f"{service}:{verb}{kind}" for verb in ("Create", "Describe", "Stop")),
            *_RULES,
        )
        for call, (kind, service) in _JOBS.items()
    },
}
"""What awaiting the end of a job takes, by Step Functions' guide."""

_ALWAYS = re.compile(r"logs:|xray:|kms:|iam:PassRole|sagemaker:AddTags|events:|batch:TagResource")
"""What a machine's role has for more than one step's own call."""


_OF_DISTRIBUTED_MAPS = {
    *(f"states:{verb}Execution" for verb in ("Start", "Describe", "Stop", "Redrive")),
    *(f"s3:{action}" for action in ("GetObject", "ListBucket", "PutObject")),
}
"""The executions that a map makes of its own machine; its items and results in S3."""


def _needed(step: Step) -> set[str]:
    """Return the actions that a task asks of the machine's role."""
    resource = step.resource.removeprefix("aws-sdk:")
    call, _, pattern = resource.partition(".")
    if not call:
        return set()
    if pattern.startswith("sync"):
        return set(_SYNC[call])
    service, _, operation = call.partition(":")
    return {
        "lambda:InvokeFunction"
        if service == "lambda"
        else f"{_prefix(service)}:{_pascal(operation)}"
    }


def _prefix(service: str) -> str:
    return {"sfn": "states", "cloudwatchlogs": "logs"}.get(service, service)


def _pascal(call: str) -> str:
    return call[:1].upper() + call[1:]


def _machines(found: Synthesised) -> Iterator[tuple[Machine, set[tuple[str, str]]]]:
    """Yield each machine with the pairs of action and resource that its role has."""
    statements = role_statements(found.templates)
    roles = {
        where: text(resource["Properties"]["RoleArn"])
        for where, resource in found.resources("AWS::StepFunctions::StateMachine").items()
    }
    for machine in machines(found.templates):
        stack = machine.where.partition("/")[0]
        role = roles[machine.where].strip("<>").removesuffix(".Arn")
        yield machine, pairs(statements[readable(f"{stack}/{role}")])


def test_every_task_is_allowed_to_its_machine(environment: Synthesised) -> None:
    seen = 0
    for machine, granted in _machines(environment):
        actions = {action for action, _ in granted}
        for step in machine.steps:
            seen += 1
            assert _needed(step) <= actions, step.where
    assert seen


def test_a_machine_may_do_what_its_tasks_need_and_nothing_else(environment: Synthesised) -> None:
    for machine, granted in _machines(environment):
        needed = {action for step in machine.steps for action in _needed(step)}
        spare = {action for action, _ in granted if not _ALWAYS.match(action)} - needed
        assert spare <= _OF_DISTRIBUTED_MAPS, machine.where


def test_functions_and_topics_are_allowed_by_name(environment: Synthesised) -> None:
    for machine, granted in _machines(environment):
        for step in machine.steps:
            arguments = step.arguments if isinstance(step.arguments, dict) else {}
            for key, action in (
                ("FunctionName", "lambda:InvokeFunction"),
                ("TopicArn", "sns:Publish"),
            ):
                if key in arguments:
                    assert (action, arguments[key]) in granted, step.where


def test_a_role_that_a_task_hands_over_is_one_that_its_machine_may_pass(
    environment: Synthesised,
) -> None:
    handed = 0
    for machine, granted in _machines(environment):
        for step in machine.steps:
            for given in mappings(step.arguments):
                for key in ("RoleArn", "ExecutionRoleArn"):
                    if key in given:
                        handed += 1
                        assert ("iam:PassRole", given[key]) in granted, step.where
    assert handed


def test_a_role_may_be_passed_to_a_service_that_it_trusts_and_by_name(
    environment: Synthesised,
) -> None:
    passing = [
        (where.partition("/")[0], statement)
        for where, statements in role_statements(environment.templates).items()
        for statement in statements
        if "iam:PassRole" in listed(statement["Action"])
    ]
    assert passing
    for stack, statement in passing:
        assert listed(statement["Action"]) == ["iam:PassRole"]
        for resource in listed(statement["Resource"]):
            passed = text(resource).strip("<>").removesuffix(".Arn")
            role = environment.templates[stack]["Resources"][passed]
            (condition,) = statement["Condition"].values()
            assert condition["iam:PassedToService"] in _trusted(role)


def test_roles_are_assumed_by_one_service_each(environment: Synthesised) -> None:
    for where, role in environment.resources("AWS::IAM::Role").items():
        trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert {each["Action"] for each in trust} == {"sts:AssumeRole"}, where
        assert len(_trusted(role)) == 1, where


def _trusted(role: dict[str, Any]) -> list[str]:
    return [
        text(each["Principal"]["Service"])
        for each in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]
