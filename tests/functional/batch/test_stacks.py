"""Batch's resources in CloudFormation stacks."""

import json
from typing import Any

from tests.functional.batch.world import IMAGE, NETWORK, World
from tests.functional.sagemaker.world import until


def template(*, most: str, priority: int, command: list[str], tag: str) -> str:
    container = {
        "Image": IMAGE,
        "Command": command,
        "Environment": [{"Name": "SHAPE", "Value": "round"}],
        "ResourceRequirements": [
            {"Type": "VCPU", "Value": 1},
            {"Type": "MEMORY", "Value": 512},
        ],
    }
    network = {key[:1].upper() + key[1:]: value for key, value in NETWORK.items()}
    resources = {
        "Environment": {
            "Type": "AWS::Batch::ComputeEnvironment",
            "Properties": {
                "Type": "managed",
                "ComputeResources": {"Type": "SPOT", "MaxvCpus": most, **network},
                "ReplaceComputeEnvironment": False,
                "Tags": {"stage": tag},
            },
        },
        "Queue": {
            "Type": "AWS::Batch::JobQueue",
            "Properties": {
                "Priority": priority,
                "ComputeEnvironmentOrder": [
                    {"Order": 1, "ComputeEnvironment": {"Ref": "Environment"}}
                ],
            },
        },
        "Definition": {
            "Type": "AWS::Batch::JobDefinition",
            "Properties": {
                "Type": "container",
                "ContainerProperties": container,
                "RetryStrategy": {
                    "Attempts": 2,
                    "EvaluateOnExit": [{"OnStatusReason": "Host EC2*", "Action": "RETRY"}],
                },
                "Parameters": {"Word": "said"},
            },
        },
    }
    outputs = {name: {"Value": {"Ref": name}} for name in resources}
    outputs["QueueArn"] = {"Value": {"Fn::GetAtt": ["Queue", "JobQueueArn"]}}  # type: ignore[dict-item]
    return json.dumps({"Resources": resources, "Outputs": outputs})


def settled(world: World, stack: str) -> dict[str, Any]:
    return until(
        lambda: dict(world.aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]),
        lambda seen: not seen["StackStatus"].endswith("IN_PROGRESS"),
    )


def outputs(seen: dict[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in seen["Outputs"]}


def test_a_stack_creates_changes_and_removes_a_queue(world: World) -> None:
    stack, stacks = world.name("stack"), world.aws.cloudformation
    first = template(most="2", priority=1, command=["echo", "Ref::Word"], tag="one")
    stacks.create_stack(StackName=stack, TemplateBody=first)
    created = settled(world, stack)
    assert created["StackStatus"] == "CREATE_COMPLETE", created
    made = outputs(created)
    assert made["Queue"] == made["QueueArn"]
    job = world.ended(world.submit(made["Definition"], jobQueue=made["Queue"]))
    assert (job["status"], world.log(job)[1:]) == ("SUCCEEDED", ["said"])
    assert job["retryStrategy"]["evaluateOnExit"] == [
        {"onStatusReason": "Host EC2*", "action": "RETRY"}
    ]

    second = template(most="3", priority=5, command=["false"], tag="two")
    stacks.update_stack(StackName=stack, TemplateBody=second)
    updated = settled(world, stack)
    assert updated["StackStatus"] == "UPDATE_COMPLETE", updated
    changed = outputs(updated)
    assert (changed["Queue"], changed["Environment"]) == (made["Queue"], made["Environment"])
    family = made["Definition"].rsplit(":", 1)[0]
    assert changed["Definition"] == f"{family}:2"
    arns = [made["Definition"], changed["Definition"]]
    found = world.batch.describe_job_definitions(jobDefinitions=arns)["jobDefinitions"]
    assert [(each["revision"], each["status"]) for each in found] == [
        (2, "ACTIVE"),
        (1, "INACTIVE"),
    ]
    (environment,) = world.batch.describe_compute_environments(
        computeEnvironments=[made["Environment"]]
    )["computeEnvironments"]
    assert environment["computeResources"]["maxvCpus"] == 3
    assert environment["tags"]["stage"] == "two"
    (queue,) = world.batch.describe_job_queues(jobQueues=[made["Queue"]])["jobQueues"]
    assert queue["priority"] == 5

    stacks.delete_stack(StackName=stack)
    until(
        lambda: world.batch.describe_job_queues(jobQueues=[made["Queue"]]),
        lambda seen: not seen["jobQueues"],
    )
    until(
        lambda: world.batch.describe_compute_environments(
            computeEnvironments=[made["Environment"]]
        ),
        lambda seen: not seen["computeEnvironments"],
    )
    left = world.batch.describe_job_definitions(jobDefinitions=arns, status="ACTIVE")
    assert left["jobDefinitions"] == []
