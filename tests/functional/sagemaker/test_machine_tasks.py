"""Step Functions' SageMaker tasks: results, error names, roles, stopping."""

import json
import time
from typing import Any

import pytest

from tests.functional.sagemaker import test_transform_jobs as transforms
from tests.functional.sagemaker.world import World, allow, until

SYNC = "arn:aws:states:::sagemaker:createTrainingJob.sync"


def machine_role(world: World, *actions: str) -> str:
    return allow(
        world.aws,
        world.name("machine"),
        ([f"sagemaker:{action}" for action in actions], "*"),
        ("iam:PassRole", world.role),
        service="states.amazonaws.com",
    )


@pytest.fixture(scope="module")
def role(world: World) -> str:
    """What a machine with training jobs needs."""
    return machine_role(
        world, "CreateTrainingJob", "DescribeTrainingJob", "DescribeEndpoint", "CreateModel"
    )


def start(
    world: World, role: str, parameters: dict[str, Any], resource: str = SYNC, **state: Any
) -> str:
    step = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **state}
    machine = world.aws.states.create_state_machine(
        name=world.name("machine"),
        roleArn=role,
        definition=json.dumps({"StartAt": "Step", "States": {"Step": step}}),
    )
    return world.aws.states.start_execution(stateMachineArn=machine["stateMachineArn"])[
        "executionArn"
    ]


def ended(world: World, execution: str) -> dict[str, Any]:
    return until(
        lambda: dict(world.aws.states.describe_execution(executionArn=execution)),
        lambda seen: seen["status"] != "RUNNING",
    )


def run(world: World, role: str, parameters: dict[str, Any], resource: str = SYNC) -> Any:
    return ended(world, start(world, role, parameters, resource))


def test_sync_waits_and_returns_the_described_job(world: World, role: str) -> None:
    name = world.name()
    execution = run(world, role, world.training(name, HyperParameters={"sleep": "0.5"}))
    assert execution["status"] == "SUCCEEDED"
    output = json.loads(execution["output"])
    assert output["TrainingJobName"] == name
    assert output["TrainingJobStatus"] == "Completed"
    assert output["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"{name}/output/model.tar.gz")
    assert isinstance(output["CreationTime"], int)


def test_without_sync_the_job_goes_on_by_itself(world: World, role: str) -> None:
    name = world.name()
    resource = SYNC.removesuffix(".sync")
    execution = run(world, role, world.training(name), resource)
    output = json.loads(execution["output"])
    assert output == {
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}"
    }
    assert world.trained(name)["TrainingJobStatus"] == "Completed"


def test_a_failed_job_fails_the_task_with_its_description(world: World, role: str) -> None:
    execution = run(world, role, world.training(world.name(), HyperParameters={"fail": "no"}))
    assert execution["status"] == "FAILED"
    assert execution["error"] == "States.TaskFailed"
    cause = json.loads(execution["cause"])
    assert cause["TrainingJobStatus"] == "Failed"
    assert cause["FailureReason"] == "AlgorithmError: no, exit code: 1"


def test_refusals_have_the_names_of_step_functions(world: World, role: str) -> None:
    name = world.train()["TrainingJobName"]
    taken = run(world, role, world.training(name))
    assert taken["error"] == "SageMaker.ResourceInUseException"
    invalid = run(world, role, world.training("bad_name"))
    assert invalid["error"] == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ValidationException" in invalid["cause"]
    unknown = run(
        world, role, {"EndpointName": "x"}, "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint"
    )
    assert unknown["error"] == "SageMaker.SageMakerException"
    assert 'Could not find endpoint "arn' in unknown["cause"]


def test_the_machines_role_is_enforced(world: World) -> None:
    nothing = allow(
        world.aws, world.name("idle"), ("sns:Publish", "*"), service="states.amazonaws.com"
    )
    name = world.name()
    execution = run(world, nothing, world.training(name))
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "is not authorized to perform: sagemaker:CreateTrainingJob" in execution["cause"]
    assert f"training-job/{name}" in execution["cause"]


def test_passing_a_role_needs_the_right_to_pass_it(world: World) -> None:
    cannot_pass = allow(
        world.aws, world.name("machine"), ("sagemaker:*", "*"), service="states.amazonaws.com"
    )
    execution = run(world, cannot_pass, world.training(world.name()))
    assert "is not authorized to perform: iam:PassRole" in execution["cause"]


def test_stopping_the_execution_stops_the_job(world: World, role: str) -> None:
    name = world.name()
    execution = start(world, role, world.training(name, HyperParameters={"sleep": "30"}))
    until(
        lambda: dict(world.aws.sagemaker.list_training_jobs(NameContains=name)),
        lambda seen: bool(seen["TrainingJobSummaries"]),
    )
    world.aws.states.stop_execution(executionArn=execution)
    assert world.trained(name)["TrainingJobStatus"] == "Stopped"


def test_a_task_over_its_time_stops_the_job(world: World, role: str) -> None:
    name = world.name()
    began = time.monotonic()
    execution = start(
        world, role, world.training(name, HyperParameters={"sleep": "30"}), TimeoutSeconds=1
    )
    assert ended(world, execution)["error"] == "States.Timeout"
    assert world.trained(name)["TrainingJobStatus"] == "Stopped"
    assert time.monotonic() - began < 10


def test_a_transform_job_is_waited_for_without_a_role_being_passed(world: World) -> None:
    role = allow(
        world.aws,
        world.name("machine"),
        (["sagemaker:CreateTransformJob", "sagemaker:DescribeTransformJob"], "*"),
        service="states.amazonaws.com",
    )
    resource = "arn:aws:states:::sagemaker:createTransformJob.sync"
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": transforms.LINES})
    made = transforms.request(world, world.model(ECHO="1"), uri)
    execution = run(world, role, made, resource)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["TransformJobStatus"] == "Completed"
    assert transforms.keys(world, output) == ["a.jsonl.out"]
    broken = transforms.request(world, world.model(ECHO="1", FLAWS="9"), uri)
    execution = run(world, role, broken, resource)
    assert execution["error"] == "States.TaskFailed"
    reason = json.loads(execution["cause"])["FailureReason"]
    assert reason == "AlgorithmError: See job logs for more information"
