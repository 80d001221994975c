"""Processing jobs: shards in, results out, and how they fail."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.world import BUCKET, IMAGE, World, until


def request(world: World, name: str, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ProcessingJobName": name,
        "RoleArn": world.role,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["process"],
            "ContainerArguments": ["--size", "32"],
        },
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "result",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processed/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
    }
    return {**made, **changes}


def processed(world: World, **changes: Any) -> dict[str, Any]:
    name = world.name("process")
    world.aws.sagemaker.create_processing_job(**request(world, name, **changes))
    return until(
        lambda: dict(world.aws.sagemaker.describe_processing_job(ProcessingJobName=name)),
        lambda job: job["ProcessingJobStatus"] not in {"InProgress", "Stopping"},
    )


def given(uri: str, **source: str) -> dict[str, Any]:
    return {
        "InputName": "data",
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": "/opt/ml/processing/input",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            **source,
        },
    }


def result(world: World, job: dict[str, Any], host: str = "algo-1") -> dict[str, Any]:
    uri = f"s3://{BUCKET}/processed/{job['ProcessingJobName']}/{host}.json"
    return dict(json.loads(world.read(uri)))


def test_hosts_share_the_keys_of_a_manifest(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {f"{i}/{i}.txt": "x" for i in range(5)})
    manifest = json.dumps([{"prefix": uri}, *[f"{i}/{i}.txt" for i in range(4)]])
    folder = world.put(f"manifests/{world.name()}", {"objects.manifest": manifest})
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    job = processed(
        world,
        ProcessingInputs=[
            given(
                f"{folder}objects.manifest",
                S3DataType="ManifestFile",
                S3DataDistributionType="ShardedByS3Key",
            )
        ],
        ProcessingResources={"ClusterConfig": cluster},
    )
    assert job["ProcessingJobStatus"] == "Completed"
    assert result(world, job, "algo-1")["files"] == ["0.txt", "2.txt"]
    assert result(world, job, "algo-2")["files"] == ["1.txt", "3.txt"]
    assert result(world, job)["arguments"] == ["--size", "32"]
    assert result(world, job)["job"] == job["ProcessingJobName"]


def test_one_object_keeps_its_name(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {"model.txt": "x", "model.txt.old": "y"})
    job = processed(world, ProcessingInputs=[given(f"{uri}model.txt")])
    assert "model.txt" in result(world, job)["files"]


def test_a_failing_job_tells_its_message(world: World) -> None:
    job = processed(
        world,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["process"],
            "ContainerArguments": ["fail"],
        },
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "no rows left"
    assert job["FailureReason"] == "AlgorithmError: no rows left, exit code: 3"


def test_a_broken_manifest_fails_the_job(world: World) -> None:
    folder = world.put(f"manifests/{world.name()}", {"objects.manifest": "not json"})
    source = given(f"{folder}objects.manifest", S3DataType="ManifestFile")
    job = processed(world, ProcessingInputs=[source])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "is not a JSON list of a prefix and the keys below it" in job["FailureReason"]


def test_a_manifest_cannot_lead_out_of_the_jobs_folder(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {"1.txt": "x"})
    manifest = json.dumps([{"prefix": uri}, "../../../../escaped.txt"])
    folder = world.put(f"manifests/{world.name()}", {"objects.manifest": manifest})
    source = given(f"{folder}objects.manifest", S3DataType="ManifestFile")
    job = processed(world, ProcessingInputs=[source])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "leads out of the job's folder" in job["FailureReason"]


def test_paths_outside_the_contract_are_refused(world: World) -> None:
    source = given("s3://anywhere/", LocalPath="/etc")
    with pytest.raises(ClientError, match="must be an absolute path that begins with"):
        processed(world, ProcessingInputs=[source])


def test_a_job_over_its_time_fails(world: World) -> None:
    job = processed(
        world,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["sleep", "30"]},
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert "MaxRuntimeInSeconds" in job["FailureReason"]
