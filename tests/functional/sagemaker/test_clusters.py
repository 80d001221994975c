"""Training jobs on several instances: their names, their network, their failures."""

import io
import json
import socket
import tarfile
from typing import Any

from tests.functional.sagemaker.world import BUCKET, World

TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


def entry(world: World, program: str) -> dict[str, Any]:
    specification = world.training("x")["AlgorithmSpecification"]
    return {**specification, "ContainerEntrypoint": [program]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_hosts_reach_each_other_by_name(world: World) -> None:
    job = world.train(
        AlgorithmSpecification=entry(world, "meet"),
        HyperParameters={"port": str(free_port())},
        ResourceConfig={**TWO, "InstanceCount": 3},
    )
    assert job["TrainingJobStatus"] == "Completed", job
    body = world.read(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        file = tar.extractfile("heard.json")
        assert file
        assert json.load(file) == {"heard": ["algo-2", "algo-3"], "from": "127.0.0.1"}


def test_every_host_has_the_checkpoints(world: World) -> None:
    uri = f"s3://{BUCKET}/checkpoints/{world.name()}"
    request: dict[str, Any] = {
        "AlgorithmSpecification": entry(world, "learn"),
        "ResourceConfig": TWO,
        "CheckpointConfig": {"S3Uri": uri},
    }
    world.train(**request, HyperParameters={"epochs": "2"})
    name = world.train(**request, HyperParameters={"epochs": "4"})["TrainingJobName"]
    epochs = sorted(line.split()[0] for line in world.log(name))
    assert epochs == ["epoch=3", "epoch=3", "epoch=4", "epoch=4"]


def test_a_host_that_fails_ends_the_others(world: World) -> None:
    job = world.train(
        AlgorithmSpecification=entry(world, "meet"), HyperParameters={}, ResourceConfig=TWO
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 1")


def test_a_full_disk_is_the_reason_even_when_none_could_be_written(world: World) -> None:
    job = world.train(
        AlgorithmSpecification=entry(world, "learn"), HyperParameters={"disk": "full"}
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: No space left on device. Please use a larger VolumeSizeInGB, or write "
        "less to the disk, exit code: 1"
    )
