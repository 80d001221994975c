"""Managed spot training: interruption, restart from checkpoints, waiting time, price."""

import contextlib
import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.functional.sagemaker.world import BUCKET, World, until
from visionml.cli.main import app
from visionml.errors import AccessDenied, InvalidInput, NotFound
from visionml.local import spot
from visionml.local.state import Project, State

ONCE = ["Starting", "Downloading", "Training"]


def start(world: World, *, wait: int = 60, run: int = 60, **hyperparameters: str) -> str:
    name = world.name("spot")
    specification = world.training(name)["AlgorithmSpecification"]
    world.aws.sagemaker.create_training_job(
        **world.training(
            name,
            AlgorithmSpecification={**specification, "ContainerEntrypoint": ["learn"]},
            HyperParameters={"epochs": "8", "seconds": "0.3", **hyperparameters},
            EnableManagedSpotTraining=True,
            CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
            StoppingCondition={"MaxRuntimeInSeconds": run, "MaxWaitTimeInSeconds": wait},
        )
    )
    return name


def learning(world: World, name: str, epochs: int = 2) -> None:
    """Wait until the job has printed some epochs."""

    until(lambda: {"log": world.log(name)}, lambda seen: len(seen["log"]) >= epochs)


def statuses(job: dict[str, Any]) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_an_interrupted_job_goes_on_from_its_checkpoint(world: World, aws_local: State) -> None:
    name = start(world)
    learning(world, name)
    arn = spot.interrupt(aws_local, name, grace_seconds=5)
    assert arn.endswith(f"training-job/{name}")
    job = world.trained(name)
    assert statuses(job) == [*ONCE, "Interrupted", *ONCE, "Uploading", "Completed"]
    body = world.read(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        file = tar.extractfile("result.json")
        assert file
        assert json.load(file)["resumed"] >= 2
    assert job["TrainingTimeInSeconds"] >= 2
    assert job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_what_ignores_the_signal_is_killed_after_the_grace(
    world: World, local_project: Project
) -> None:
    name = start(world, stubborn="yes")
    learning(world, name)
    with contextlib.chdir(local_project.folder.parent):
        told = CliRunner().invoke(app, ["local", "interrupt", name, "--grace", "0.2", "--json"])
    assert json.loads(told.stdout)["interrupted"].endswith(f"training-job/{name}")
    job = world.trained(name)
    assert job["TrainingJobStatus"] == "Completed"
    assert "Interrupted" in statuses(job)


def test_a_job_without_instances_ends_with_its_waiting_time(world: World, aws_local: State) -> None:
    name = start(world, wait=3, run=3, seconds="5")
    learning(world, name, 1)
    spot.interrupt(aws_local, name, grace_seconds=0, wait_seconds=60)
    job = world.trained(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert statuses(job) == [*ONCE, "Interrupted", "Starting", "Stopping", "MaxWaitTimeExceeded"]


def test_only_a_spot_job_that_runs_can_be_interrupted(world: World, aws_local: State) -> None:
    with pytest.raises(NotFound, match="never-was does not exist"):
        spot.interrupt(aws_local, "never-was")
    with pytest.raises(InvalidInput, match="does not run on spot instances"):
        spot.interrupt(aws_local, world.train()["TrainingJobName"])
    name = start(world, epochs="1", seconds="0")
    world.trained(name)
    with pytest.raises(InvalidInput, match="is in status Completed"):
        spot.interrupt(aws_local, name)
    with pytest.raises(InvalidInput, match="numbers from 0 to"):
        spot.interrupt(aws_local, name, grace_seconds=-1)


def test_only_administrators_can_interrupt(world: World, aws_local: State) -> None:
    iam, user = world.aws.client("iam"), world.name("user")
    iam.create_user(UserName=user)
    allowed = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    iam.put_user_policy(
        UserName=user,
        PolicyName="sagemaker",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    other = aws_local.model_copy(
        update={
            "access_key_id": key["AccessKeyId"],
            "secret_access_key": key["SecretAccessKey"],
        }
    )
    with pytest.raises(AccessDenied, match="visionml-local:InterruptTrainingJob"):
        spot.interrupt(other, "any")


def test_spot_jobs_need_a_waiting_time(world: World) -> None:
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        start(world, wait=10, run=20)
    with pytest.raises(ClientError, match="must not be set if EnableManagedSpotTraining is false"):
        world.aws.sagemaker.create_training_job(
            **world.training(
                world.name(),
                StoppingCondition={"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 10},
            )
        )
