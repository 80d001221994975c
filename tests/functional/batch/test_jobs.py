"""Batch jobs as processes: what they see, how they end, and what is known of them."""

import contextlib
import itertools
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.functional.batch.world import IMAGE, World
from tests.functional.queues import queue_of_events
from tests.functional.waiting import until
from visionml.cli.main import app
from visionml.errors import InvalidInput, NotFound
from visionml.local import spot
from visionml.local.state import Project, State

ESSENTIAL = "Essential container in task exited"


def test_a_job_runs_its_command_in_the_image(world: World) -> None:
    job = world.run(
        "sh",
        "-c",
        "echo Ref::who Ref::nobody $COLOUR $SHAPE; env | grep ^AWS_BATCH",
        container={
            "environment": [{"name": "SHAPE", "value": "round"}],
        },
        parameters={"who": "you"},
    )
    assert (job["status"], job["statusReason"]) == ("SUCCEEDED", ESSENTIAL)
    assert job["container"]["exitCode"] == 0
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    first, said, *variables = world.log(job)
    assert (first, said) == ("entered", "you Ref::nobody blue round")
    values = dict(line.split("=", 1) for line in variables)
    assert values["AWS_BATCH_JOB_ID"] == job["jobId"]
    assert values["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert values["AWS_BATCH_JQ_NAME"] == world.queue
    assert values["AWS_BATCH_CE_NAME"].startswith("environment-")
    family, _, rest = job["container"]["logStreamName"].partition("/default/")
    assert job["jobDefinition"].endswith(f"job-definition/{family}:1")
    assert job["container"]["taskArn"].endswith(rest)


def test_a_submission_says_what_is_otherwise(world: World) -> None:
    definition = world.define("echo", "Ref::x", parameters={"x": "1"})
    job_id = world.submit(
        definition,
        parameters={"x": "2"},
        containerOverrides={
            "command": ["sh", "-c", "echo Ref::x $NEW"],
            "environment": [{"name": "NEW", "value": "n"}],
            "resourceRequirements": [{"type": "VCPU", "value": "2"}],
        },
    )
    job = world.ended(job_id)
    assert world.log(job)[1:] == ["2 n"]
    assert {"type": "VCPU", "value": "2"} in job["container"]["resourceRequirements"]
    assert job["parameters"] == {"x": "2"}


def test_without_a_command_the_image_has_its_own(world: World) -> None:
    assert world.log(world.run())[1:] == ["the image's own command"]


def test_a_failed_job_is_tried_again_as_often_as_it_says(world: World) -> None:
    job = world.run(
        "sh", "-c", "echo try $AWS_BATCH_JOB_ATTEMPT; exit 3", retryStrategy={"attempts": 2}
    )
    assert (job["status"], job["statusReason"]) == ("FAILED", ESSENTIAL)
    assert [each["container"]["exitCode"] for each in job["attempts"]] == [3, 3]
    streams = {each["container"]["logStreamName"] for each in job["attempts"]}
    assert len(streams) == 2
    assert world.log(job)[1:] == ["try 2"]


def test_an_exit_code_decides_whether_there_is_another_attempt(world: World) -> None:
    rules = [
        {"onExitCode": "4*", "action": "retry"},
        {"onReason": "*", "action": "EXIT"},
        {"onExitCode": "*", "action": "EXIT"},
    ]
    command = "[ $AWS_BATCH_JOB_ATTEMPT = 1 ] && exit 42; exit 7"
    strategy = {"attempts": 5, "evaluateOnExit": rules}
    job = world.run("sh", "-c", command, retryStrategy=strategy)
    assert [each["container"]["exitCode"] for each in job["attempts"]] == [42, 7]


def test_an_unknown_image_cannot_be_pulled(world: World) -> None:
    image = IMAGE.replace(":1", ":2")
    job = world.run("true", container={"image": image})
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotPullContainerError: ")


def test_a_job_works_under_its_role_and_reads_its_secrets(world: World) -> None:
    secret = world.aws.client("secretsmanager").create_secret(
        Name=world.name("secret"), SecretString=json.dumps({"key": "hidden"})
    )
    program = (
        "import boto3, os; print(os.environ['KEY']);"
        "print(boto3.client('sts').get_caller_identity()['Arn'])"
    )
    needs = {"VCPU": "0.25", "MEMORY": "512"}
    definition = world.define(
        "python3",
        "-c",
        program,
        vcpus="0.25",
        platformCapabilities=["FARGATE"],
        container={
            "jobRoleArn": world.job_role,
            "executionRoleArn": world.execution_role,
            "secrets": [{"name": "KEY", "valueFrom": f"{secret['ARN']}:key::"}],
            "resourceRequirements": [{"type": k, "value": v} for k, v in needs.items()],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/mine", "awslogs-stream-prefix": "jobs"},
            },
        },
    )
    queue = world.queue_of(world.environment("FARGATE"))
    job = world.ended(world.submit(definition, jobQueue=queue))
    assert job["status"] == "SUCCEEDED", job
    _, key, arn = world.log(job, "/mine")
    assert key == "hidden"
    assert ":assumed-role/batch-tests-job/" in arn
    assert job["container"]["logStreamName"].startswith("jobs/default/")


def test_the_children_of_an_array_know_their_index(world: World) -> None:
    definition = world.define(
        "sh", "-c", "echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"
    )
    parent = world.ended(world.submit(definition, arrayProperties={"size": 3}))
    assert parent["status"] == "SUCCEEDED"
    assert parent["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 3
    lines = [world.log(world.job(f"{parent['jobId']}:{index}"))[1] for index in range(3)]
    assert lines == ["0 of 3", "1 of 3", "2 of 3"]
    listed = world.batch.list_jobs(arrayJobId=parent["jobId"], jobStatus="SUCCEEDED")
    assert [each["arrayProperties"]["index"] for each in listed["jobSummaryList"]] == [0, 1, 2]


def test_arrays_wait_child_by_child(world: World) -> None:
    fails_at_one = world.define("sh", "-c", "[ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ]")
    first = world.submit(
        fails_at_one, arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}]
    )
    fine = world.define("true")
    second = world.submit(
        fine, arrayProperties={"size": 3}, dependsOn=[{"jobId": first, "type": "N_TO_N"}]
    )
    third = world.submit(fine, dependsOn=[{"jobId": second}])
    assert world.ended(first)["statusReason"] == "Array Child Job failed"
    ended = world.ended(second)
    statuses = [world.job(f"{second}:{index}") for index in range(3)]
    assert [each["status"] for each in statuses] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert statuses[1]["statusReason"] == "Dependent Job failed"
    assert ended["arrayProperties"]["statusSummary"]["FAILED"] == 2
    assert world.ended(third)["statusReason"] == "Dependent Job failed"
    assert "startedAt" not in world.job(third)


def test_no_more_vcpus_are_used_than_the_environment_has(world: World) -> None:
    queue = world.queue_of(world.environment(maxvCpus=1))
    definition = world.define("sleep", "0.3")
    parent = world.submit(definition, jobQueue=queue, arrayProperties={"size": 3})
    world.ended(parent)
    times = sorted(
        (job["startedAt"], job["stoppedAt"])
        for job in (world.job(f"{parent}:{index}") for index in range(3))
    )
    assert all(later[0] >= earlier[1] for earlier, later in itertools.pairwise(times))


def test_a_job_that_fits_nowhere_says_so_and_can_be_cancelled(world: World) -> None:
    small = world.environment(maxvCpus=1)
    queue = world.queue_of(small)
    stuck = world.submit(world.define("true", vcpus="2"), jobQueue=queue)
    behind = world.submit(world.define("true"), jobQueue=queue)
    reason = until(lambda: world.job(stuck).get("statusReason"))
    assert reason.startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ")
    assert world.job(behind)["status"] == "RUNNABLE"
    snapshot = world.batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]
    assert [each["jobArn"] for each in snapshot["jobs"]] == [
        world.job(stuck)["jobArn"],
        world.job(behind)["jobArn"],
    ]
    done = world.batch.cancel_jobs(jobs=[stuck], reason="Too large")
    assert (done["successful"], done["errors"]) == ([stuck], [])
    job = world.ended(stuck)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "Too large", True)
    assert world.ended(behind)["status"] == "SUCCEEDED"


def test_more_vcpus_let_a_stuck_job_begin(world: World) -> None:
    small = world.environment(maxvCpus=1, instanceTypes=["c5.large"])
    queue = world.queue_of(small)
    large = world.submit(world.define("true", vcpus="2"), jobQueue=queue)
    until(lambda: world.job(large).get("statusReason"))
    world.batch.update_compute_environment(
        computeEnvironment=small, computeResources={"maxvCpus": 2}
    )
    assert world.ended(large)["status"] == "SUCCEEDED"


def test_a_terminated_job_gets_sigterm_and_is_not_tried_again(world: World) -> None:
    command = "trap 'echo told; exit 9' TERM; echo on; while :; do sleep 0.1; done"
    definition = world.define("sh", "-c", command, retryStrategy={"attempts": 3})
    job_id = world.submit(definition)
    running = world.reached(job_id, "RUNNING")
    until(lambda: "on" in world.log(running))
    world.batch.cancel_job(jobId=job_id, reason="too late for that")
    world.batch.terminate_job(jobId=job_id, reason="Enough")
    job = world.ended(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "Enough", True)
    assert (len(job["attempts"]), job["container"]["exitCode"]) == (1, 9)
    assert world.log(job)[-1] == "told"


def test_an_interrupted_spot_job_goes_on_elsewhere(world: World, aws_local: State) -> None:
    spot_name, other = world.environment("SPOT"), world.environment()
    queue = world.queue_of(spot_name, other)
    command = "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 60; echo $AWS_BATCH_CE_NAME"
    rules = [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]
    definition = world.define(
        "sh", "-c", command, retryStrategy={"attempts": 3, "evaluateOnExit": rules}
    )
    job_id = world.submit(definition, jobQueue=queue)
    world.reached(job_id, "RUNNING")
    arn = spot.interrupt_job(aws_local, job_id, grace_seconds=5, wait_seconds=600)
    assert arn.endswith(f":job/{job_id}")
    job = world.ended(job_id)
    assert job["status"] == "SUCCEEDED"
    reasons = [each["statusReason"] for each in job["attempts"]]
    assert reasons[0].startswith("Host EC2 (instance i-")
    assert "exitCode" not in job["attempts"][0]["container"]
    assert world.log(job)[1:] == [other]
    with pytest.raises(InvalidInput):
        spot.interrupt_job(aws_local, job_id)
    with pytest.raises(NotFound):
        spot.interrupt_job(aws_local, "nobody")


def test_a_fargate_task_is_interrupted_in_its_own_words(
    world: World, local_project: Project
) -> None:
    needs = {"VCPU": "0.25", "MEMORY": "512"}
    container = {
        "executionRoleArn": world.execution_role,
        "resourceRequirements": [{"type": k, "value": v} for k, v in needs.items()],
    }
    definition = world.define("sleep", "60", container=container, platformCapabilities=["FARGATE"])
    job_id = world.submit(definition, jobQueue=world.queue_of(world.environment("FARGATE_SPOT")))
    world.reached(job_id, "RUNNING")
    with contextlib.chdir(local_project.folder.parent):
        told = CliRunner().invoke(app, ["local", "interrupt", job_id, "--batch", "--json"])
    assert json.loads(told.stdout)["interrupted"].endswith(job_id)
    job = world.ended(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Your Spot Task was interrupted.")


def test_terminating_an_array_ends_all_its_children(world: World) -> None:
    queue = world.queue_of(world.environment(maxvCpus=1))
    parent = world.submit(world.define("sleep", "60"), jobQueue=queue, arrayProperties={"size": 3})
    world.reached(f"{parent}:0", "RUNNING")
    assert world.job(parent)["status"] == "PENDING"
    assert world.job(parent)["arrayProperties"]["statusSummary"]["RUNNABLE"] == 2
    world.batch.terminate_job(jobId=parent, reason="Enough")
    ended = world.ended(parent)
    assert (ended["statusReason"], ended["isTerminated"]) == ("Enough", True)
    assert ended["arrayProperties"]["statusSummary"]["FAILED"] == 3
    assert world.job(f"{parent}:2")["statusReason"] == "Enough"


def test_every_transition_is_an_event(world: World) -> None:
    queue_url, queue_arn = queue_of_events(world.aws.client("sqs"), world.name("events"))
    name = world.name("told")
    pattern = {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"jobName": [name]},
    }
    world.aws.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    world.aws.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    job = world.ended(world.submit(world.define("true"), jobName=name))
    events: list[dict[str, Any]] = []

    def received() -> bool:
        answer = world.aws.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        events.extend(json.loads(each["Body"]) for each in answer.get("Messages", []))
        return len(events) >= 4

    until(received)
    statuses = [each["detail"]["status"] for each in events]
    assert sorted(statuses) == ["RUNNABLE", "RUNNING", "STARTING", "SUCCEEDED"]
    last = next(each for each in events if each["detail"]["status"] == "SUCCEEDED")
    assert last["resources"] == [job["jobArn"]]
    assert last["detail"]["container"]["exitCode"] == 0
    assert last["detail"]["attempts"][0]["stoppedAt"] <= int(time.time() * 1000)
    world.aws.events.remove_targets(Rule=name, Ids=["queue"])
    world.aws.events.delete_rule(Name=name)


def test_an_unknown_job_cannot_be_described(world: World) -> None:
    assert world.batch.describe_jobs(jobs=["nobody"])["jobs"] == []
    with pytest.raises(ClientError, match="JobDefinition name gone does not exist"):
        world.submit("gone")
