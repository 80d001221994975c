"""Step Functions' Batch tasks: results, error names, roles, stopping."""

import json
from typing import Any

import pytest

from tests.functional.batch.world import World
from tests.functional.sagemaker.world import allow
from tests.functional.waiting import until

SYNC = "arn:aws:states:::batch:submitJob.sync"
RULE = "arn:aws:events:us-east-1:000000000000:rule/StepFunctionsGetEventsForBatchJobsRule"


@pytest.fixture(scope="module")
def role(world: World) -> str:
    """What AWS asks of a machine that runs jobs."""
    return allow(
        world.aws,
        world.name("machine"),
        (["batch:SubmitJob", "batch:TerminateJob"], "*"),
        (["events:PutTargets", "events:PutRule", "events:DescribeRule"], RULE),
        service="states.amazonaws.com",
    )


def start(world: World, role: str, given: dict[str, Any], resource: str, **state: Any) -> str:
    step = {"Type": "Task", "Resource": resource, "Parameters": given, "End": True, **state}
    machine = world.aws.states.create_state_machine(
        name=world.name("machine"),
        roleArn=role,
        definition=json.dumps({"StartAt": "Step", "States": {"Step": step}}),
    )
    begun = world.aws.states.start_execution(stateMachineArn=machine["stateMachineArn"])
    return begun["executionArn"]


def ended(world: World, execution: str) -> dict[str, Any]:
    def settled() -> dict[str, Any] | None:
        seen = dict(world.aws.states.describe_execution(executionArn=execution))
        return None if seen["status"] == "RUNNING" else seen

    found: dict[str, Any] = until(settled)
    return found


def parameters(world: World, *command: str, **more: Any) -> dict[str, Any]:
    name = world.name("machine-job")
    return {
        "JobName": name,
        "JobQueue": world.queue,
        "JobDefinition": world.define(*command),
        **more,
    }


def run(world: World, role: str, given: dict[str, Any], resource: str = SYNC) -> dict[str, Any]:
    return ended(world, start(world, role, given, resource))


def test_sync_waits_and_returns_the_described_job(world: World, role: str) -> None:
    given = parameters(
        world,
        "sh",
        "-c",
        "echo $SHAPE $MANAGED_BY_AWS Ref::word",
        ContainerOverrides={"Environment": [{"Name": "SHAPE", "Value": "round"}]},
        Parameters={"word": "said"},
    )
    execution = run(world, role, given)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert (output["Status"], output["JobName"]) == ("SUCCEEDED", given["JobName"])
    assert output["Attempts"][0]["Container"]["ExitCode"] == 0
    job = world.job(output["JobId"])
    assert world.log(job)[1:] == ["round STARTED_BY_STEP_FUNCTIONS said"]


def test_without_sync_the_job_goes_on_by_itself(world: World, role: str) -> None:
    given = parameters(world, "true", ArrayProperties={"Size": 2})
    execution = run(world, role, given, SYNC.removesuffix(".sync"))
    output = json.loads(execution["output"])
    assert output["JobArn"].endswith(f"job/{output['JobId']}")
    assert world.ended(output["JobId"])["arrayProperties"]["size"] == 2


def test_a_failed_job_fails_the_task_with_its_description(world: World, role: str) -> None:
    execution = run(world, role, parameters(world, "sh", "-c", "exit 5"))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(execution["cause"])
    assert cause["Container"]["ExitCode"] == 5
    assert cause["StatusReason"] == "Essential container in task exited"


def test_refusals_have_the_names_of_step_functions(world: World, role: str) -> None:
    unknown = run(world, role, parameters(world, "true", JobQueue="gone"))
    assert unknown["error"] == "Batch.ClientException"
    assert "(Service: AWSBatch; Status Code: 400; Error Code: ClientException" in unknown["cause"]
    sdk = "arn:aws:states:::aws-sdk:batch:describeJobs"
    denied = run(world, role, {"Jobs": ["nobody"]}, sdk)
    assert denied["error"] == "Batch.BatchException"
    assert "is not authorized to perform: batch:DescribeJobs" in denied["cause"]


def test_the_machines_role_is_enforced(world: World) -> None:
    submits = allow(world.aws, world.name("idle"), ("batch:*", "*"), service="states.amazonaws.com")
    given = parameters(world, "true")
    no_rule = run(world, submits, given)
    assert "is not authorized to create managed-rule" in no_rule["cause"]
    assert run(world, submits, given, SYNC.removesuffix(".sync"))["status"] == "SUCCEEDED"
    sdk = "arn:aws:states:::aws-sdk:batch:describeJobs"
    described = run(world, submits, {"Jobs": ["nobody"]}, sdk)
    assert json.loads(described["output"]) == {"Jobs": []}
    rule = allow(world.aws, world.name("idle"), ("events:*", "*"), service="states.amazonaws.com")
    denied = run(world, rule, given)
    assert denied["error"] == "Batch.AWSBatchException"
    assert "is not authorized to perform: batch:SubmitJob" in denied["cause"]


def submitted(world: World, given: dict[str, Any]) -> str:
    """Wait for the job of a task and return its id."""
    names = [{"name": "JOB_NAME", "values": [given["JobName"]]}]
    (job,) = until(
        lambda: world.batch.list_jobs(jobQueue=world.queue, filters=names)["jobSummaryList"]
    )
    return str(job["jobId"])


def test_stopping_the_execution_terminates_the_job(world: World, role: str) -> None:
    given = parameters(world, "sleep", "60")
    execution = start(world, role, given, SYNC)
    job_id = submitted(world, given)
    world.reached(job_id, "RUNNING")
    world.aws.states.stop_execution(executionArn=execution)
    assert world.ended(job_id)["isTerminated"] is True


def test_a_task_over_its_time_terminates_the_job(world: World, role: str) -> None:
    given = parameters(world, "sleep", "60")
    execution = ended(world, start(world, role, given, SYNC, TimeoutSeconds=1))
    assert execution["error"] == "States.Timeout"
    assert world.ended(submitted(world, given))["isTerminated"] is True
