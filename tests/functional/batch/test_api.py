"""Batch's API: what it keeps, refuses and asks of IAM."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.functional.batch.world import IMAGE, NETWORK, World
from tests.functional.sagemaker.world import allow
from visionml.aws.session import Aws
from visionml.local.state import State

TASKS = "ecs-tasks.amazonaws.com"


def refusal(call: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_an_environment_lives_from_creation_to_deletion(world: World) -> None:
    name = world.environment("FARGATE_SPOT", maxvCpus=8)
    found = world.batch.describe_compute_environments(computeEnvironments=[name])
    (described,) = found["computeEnvironments"]
    assert (described["state"], described["status"]) == ("ENABLED", "VALID")
    assert described["computeResources"]["maxvCpus"] == 8
    arn = described["computeEnvironmentArn"]
    queue = world.queue_of(arn)
    update = {"computeEnvironment": arn, "state": "DISABLED"}
    world.batch.update_compute_environment(**update, computeResources={"maxvCpus": 2})
    assert refusal(world.batch.delete_compute_environment, computeEnvironment=name) == (
        "ClientException: Cannot delete, found existing JobQueue relationship"
    )
    world.batch.update_job_queue(jobQueue=queue, state="DISABLED", priority=7)
    (disabled,) = world.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    assert (disabled["state"], disabled["priority"]) == ("DISABLED", 7)
    assert disabled["computeEnvironmentOrder"] == [{"order": 1, "computeEnvironment": arn}]
    world.batch.delete_job_queue(jobQueue=queue)
    world.batch.delete_compute_environment(computeEnvironment=name)
    found = world.batch.describe_compute_environments(computeEnvironments=[name])
    assert found["computeEnvironments"] == []


def test_what_an_environment_cannot_be_is_refused(world: World) -> None:
    create = world.batch.create_compute_environment

    def tried(name: str, **resources: Any) -> str:
        given = {"type": "FARGATE", "maxvCpus": 1, **NETWORK, **resources}
        return refusal(create, computeEnvironmentName=name, type="MANAGED", computeResources=given)

    assert "maxvCpus must be at least 1" in tried("fine", maxvCpus=0)
    assert "instanceTypes is not applicable to Fargate" in tried("fine", instanceTypes=["m5"])
    assert "ClientException: Error executing request, Exception : " in tried("a b")
    taken = world.environment()
    assert tried(taken) == "ClientException: Object already exists"
    unmanaged = refusal(create, computeEnvironmentName="fine", type="UNMANAGED")
    assert unmanaged.startswith("NotImplementedException: ")
    mixed = [
        {"order": 1, "computeEnvironment": taken},
        {"order": 2, "computeEnvironment": world.environment("FARGATE")},
    ]
    queue = {"jobQueueName": "fine", "priority": 1, "computeEnvironmentOrder": mixed}
    assert "cannot be mixed" in refusal(world.batch.create_job_queue, **queue)


def test_a_definition_has_revisions(world: World) -> None:
    name = world.name("definition")
    first, second = world.define("true", name=name), world.define("false", name=name)
    assert (first.rsplit(":", 1)[1], second.rsplit(":", 1)[1]) == ("1", "2")
    found = world.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")
    assert [each["revision"] for each in found["jobDefinitions"]] == [2, 1]
    assert world.ended(world.submit(name))["jobDefinition"] == second
    world.batch.deregister_job_definition(jobDefinition=second)
    assert world.ended(world.submit(name))["jobDefinition"] == first
    assert "is not in ACTIVE status" in refusal(
        world.batch.submit_job, jobName="x", jobQueue=world.queue, jobDefinition=f"{name}:2"
    )


def test_what_a_definition_cannot_be_is_refused(world: World) -> None:
    def tried(container: dict[str, Any], **more: Any) -> str:
        given = {"image": IMAGE, "vcpus": 1, "memory": 512, **container}
        return refusal(
            world.batch.register_job_definition,
            jobDefinitionName="fine",
            type="container",
            containerProperties=given,
            **more,
        )

    fargate = {"platformCapabilities": ["FARGATE"]}
    assert "Fargate resource requirements (1.00 vCPU, 512 MiB) not valid." in tried({}, **fargate)
    assert "require executionRoleArn" in tried({"memory": 2048}, **fargate)
    assert "between 1 and 10 times" in tried({}, retryStrategy={"attempts": 11})
    assert "must be at least 60" in tried({}, timeout={"attemptDurationSeconds": 5})
    assert "cannot start with AWS_BATCH" in tried(
        {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}
    )
    gpu = {"resourceRequirements": [{"type": "GPU", "value": "1"}]}
    assert tried(gpu).startswith("NotImplementedException: ")


def test_what_a_submission_cannot_be_is_refused(world: World) -> None:
    definition = world.define("true")

    def tried(**more: Any) -> str:
        given = {"jobName": "fine", "jobQueue": world.queue, "jobDefinition": definition, **more}
        return refusal(world.batch.submit_job, **given)

    assert "Job name should match valid pattern" in tried(jobName="no spaces")
    assert "Array size must be between 2 and 10000" in tried(arrayProperties={"size": 1})
    assert "for array jobs only" in tried(dependsOn=[{"type": "SEQUENTIAL"}])
    assert "does not exist" in tried(dependsOn=[{"jobId": "nobody"}])
    assert "JobQueue gone does not exist" in tried(jobQueue="gone")
    assert tried(shareIdentifier="me").startswith("NotImplementedException: ")
    fargate = world.queue_of(world.environment("FARGATE"))
    assert "platform capabilities" in tried(jobQueue=fargate)


def test_jobs_are_listed_by_status_or_by_filters(world: World) -> None:
    queue, definition = world.queue_of(world.environment()), world.define("true")
    ids = [
        world.submit(definition, jobQueue=queue, jobName=f"{stem}-{number}")
        for number, stem in enumerate(["red", "red", "green"])
    ]
    for job_id in ids:
        world.ended(job_id)

    def listed(**more: Any) -> list[str]:
        found = world.batch.list_jobs(jobQueue=queue, **more)["jobSummaryList"]
        return sorted(each["jobName"] for each in found)

    assert listed() == []
    assert listed(jobStatus="SUCCEEDED") == ["green-2", "red-0", "red-1"]
    assert listed(filters=[{"name": "JOB_NAME", "values": ["RED-*"]}]) == ["red-0", "red-1"]
    pages = world.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["jobSummaryList"]) for page in pages] == [2, 1]


def test_resources_carry_tags(world: World) -> None:
    arn = world.define("true", tags={"a": "1"})
    world.batch.tag_resource(resourceArn=arn, tags={"b": "2"})
    assert world.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1", "b": "2"}
    world.batch.untag_resource(resourceArn=arn, tagKeys=["a"])
    (found,) = world.batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    assert found["tags"] == {"b": "2"}


def test_iam_is_asked_for_queue_definition_and_roles(world: World, aws_local: State) -> None:
    definition, role = world.define("true"), world.name("caller")
    where = "arn:aws:batch:us-east-1:000000000000"
    granted = [
        ("batch:SubmitJob", f"{where}:job-queue/{world.queue}"),
        ("batch:SubmitJob", definition),
        ("batch:RegisterJobDefinition", "*"),
    ]
    arn = allow(world.aws, role, *granted, service=TASKS)
    batch = _assumed(world, arn, aws_local)
    given = {"jobName": "fine", "jobQueue": world.queue}
    job_id = batch.submit_job(jobDefinition=definition, **given)["jobId"]
    assert world.ended(job_id)["status"] == "SUCCEEDED"
    other = world.define("true")
    assert refusal(batch.submit_job, jobDefinition=other, **given).endswith(
        f"is not authorized to perform: batch:SubmitJob on resource: {other} because no "
        "identity-based policy allows the batch:SubmitJob action"
    )
    container = {"image": IMAGE, "vcpus": 1, "memory": 64, "jobRoleArn": world.job_role}
    assert "iam:PassRole" in refusal(
        batch.register_job_definition,
        jobDefinitionName="fine",
        type="container",
        containerProperties=container,
    )
    assert "batch:DescribeJobs" in refusal(batch.describe_jobs, jobs=[job_id])


def _assumed(world: World, role: str, server: State) -> Any:
    """Return a Batch client of a role, whose trust is widened to this account."""
    principal = {"AWS": "arn:aws:iam::000000000000:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    world.aws.client("iam").update_assume_role_policy(
        RoleName=role.rsplit("/", 1)[1],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )
    given = world.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="batch")
    keys = given["Credentials"]
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], server.region
    )
    return Aws(session, endpoint_url=server.endpoint_url, ca_bundle=server.ca_bundle).client(
        "batch"
    )
