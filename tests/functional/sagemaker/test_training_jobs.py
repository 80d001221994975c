"""Training jobs: their life, what they leave, and how they fail."""

import io
import json
import tarfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.world import BUCKET, World, allow, until


def refusal(world: World, **changes: Any) -> str:
    with pytest.raises(ClientError) as refused:
        world.aws.sagemaker.create_training_job(**world.training(world.name(), **changes))
    return str(refused.value)


def channel(name: str, uri: str, **source: str) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": uri, **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": data}}


def packed(world: World, job: dict[str, Any]) -> dict[str, bytes]:
    body = world.read(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def test_a_job_reads_its_channels_and_leaves_its_model(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {"a/1.txt": "1", "b/2.txt": "2"})
    job = world.train(
        InputDataConfig=[channel("train", uri), channel("validation", uri)],
        HyperParameters={"epochs": "2"},
        Environment={"COLOUR": "blue"},
    )
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [each["Status"] for each in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == (
        f"s3://{BUCKET}/models/{job['TrainingJobName']}/output/model.tar.gz"
    )
    record = json.loads(packed(world, job)["record.json"])
    assert record["files"] == [
        "train/a/1.txt",
        "train/b/2.txt",
        "validation/a/1.txt",
        "validation/b/2.txt",
    ]
    assert record["hosts"]["hosts"] == ["algo-1"]
    assert {"COLOUR", "AWS_SESSION_TOKEN", "TRAINING_JOB_ARN"} <= set(record["environment"])
    extra = f"s3://{BUCKET}/models/{job['TrainingJobName']}/output/output.tar.gz"
    assert world.read(extra)


def test_a_job_sees_nothing_of_the_servers_environment(world: World) -> None:
    record = json.loads(packed(world, world.train())["record.json"])
    assert not {"MINISTACK_SSL_KEY", "AUTH", "S3_DATA_DIR", "USER"} & set(record["environment"])


def test_metrics_and_log_are_where_sagemaker_puts_them(world: World) -> None:
    job = world.train()
    name = job["TrainingJobName"]
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("loss", 0.25)]
    points = world.aws.cloudwatch.get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=5),
        Period=3600,
        Statistics=["Minimum", "Maximum"],
    )["Datapoints"]
    assert [(point["Minimum"], point["Maximum"]) for point in points] == [(0.25, 0.5)]
    group = "/aws/sagemaker/TrainingJobs"
    streams = world.aws.logs.describe_log_streams(
        logGroupName=group, logStreamNamePrefix=f"{name}/algo-1-"
    )["logStreams"]
    events = world.aws.logs.get_log_events(
        logGroupName=group, logStreamName=streams[0]["logStreamName"]
    )["events"]
    assert [event["message"] for event in events] == [
        "epoch=1 loss=0.5",
        f"epoch=2 loss=0.25 job={name}",
    ]


def test_two_hosts_share_a_sharded_channel(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {f"{i}.txt": "x" for i in range(5)})
    job = world.train(
        InputDataConfig=[channel("train", uri, S3DataDistributionType="ShardedByS3Key")],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    record = json.loads(packed(world, job)["record.json"])
    assert record["hosts"]["hosts"] == ["algo-1", "algo-2"]
    assert record["files"] == ["train/0.txt", "train/2.txt", "train/4.txt"]


def test_the_failure_file_becomes_the_reason(world: World) -> None:
    job = world.train(HyperParameters={"fail": "the labels are gone"})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the labels are gone, exit code: 1"
    assert "ModelArtifacts" not in job


def test_a_killed_container_is_told_to_need_more_memory(world: World) -> None:
    job = world.train(HyperParameters={"kill": "yes"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "use an instance type with more memory" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 137")


def test_missing_data_fails_the_job_with_where_and_who(world: World) -> None:
    job = world.train(InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/here/")])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/nothing/here/"'
    )
    assert world.role in job["FailureReason"]


def test_a_role_without_rights_to_the_data_fails_the_job(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {"1.txt": "1"})
    role = allow(world.aws, world.name("poor"), ("ecr:*", "*"), service="sagemaker.amazonaws.com")
    job = world.train(RoleArn=role, InputDataConfig=[channel("train", uri)])
    assert job["TrainingJobStatus"] == "Failed"
    assert "s3:ListBucket" in job["FailureReason"]


def test_a_role_without_rights_to_the_output_fails_the_job(world: World) -> None:
    role = allow(world.aws, world.name("reader"), ("ecr:*", "*"), service="sagemaker.amazonaws.com")
    job = world.train(RoleArn=role)
    assert job["TrainingJobStatus"] == "Failed"
    assert "Artifact upload failed" in job["FailureReason"]
    assert "s3:PutObject" in job["FailureReason"]


def test_a_missing_program_fails_with_dockers_exit_code(world: World) -> None:
    specification = {**world.training("x")["AlgorithmSpecification"]}
    job = world.train(
        AlgorithmSpecification={**specification, "ContainerEntrypoint": ["no-such-program"]}
    )
    assert job["FailureReason"].endswith("exit code: 127")


def test_stopping_ends_the_container_and_keeps_what_it_has(world: World) -> None:
    name = world.name()
    world.aws.sagemaker.create_training_job(
        **world.training(name, HyperParameters={"sleep": "30", "stubborn": "yes"})
    )
    until(
        lambda: dict(world.aws.sagemaker.describe_training_job(TrainingJobName=name)),
        lambda job: "FinalMetricDataList" in job or job["SecondaryStatus"] == "Training",
    )
    time.sleep(0.5)  # until the program has set its signal handler
    world.aws.sagemaker.stop_training_job(TrainingJobName=name)
    job = world.trained(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert packed(world, job) == {"stopped": b"x"}


def test_a_job_over_its_time_is_stopped(world: World) -> None:
    job = world.train(HyperParameters={"sleep": "30"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_checkpoints_come_back_to_the_next_job(world: World) -> None:
    uri = f"s3://{BUCKET}/checkpoints/{world.name()}"
    world.train(HyperParameters={"checkpoint": "seven"}, CheckpointConfig={"S3Uri": uri})
    assert world.read(f"{uri}/state") == b"seven"
    world.train(CheckpointConfig={"S3Uri": uri})
    assert world.read(f"{uri}/state") == b"seven"


def test_a_name_is_used_once(world: World) -> None:
    name = world.train()["TrainingJobName"]
    with pytest.raises(world.aws.sagemaker.exceptions.ResourceInUse) as refused:
        world.aws.sagemaker.create_training_job(**world.training(name))
    assert "Training job names must be unique within an AWS account and region" in str(
        refused.value
    )


def test_refusals_have_the_codes_and_sentences_of_aws(world: World) -> None:
    specification = world.training("x")["AlgorithmSpecification"]
    image = specification["TrainingImage"].replace(":1", ":2")
    text = refusal(world, AlgorithmSpecification={**specification, "TrainingImage": image})
    assert "(ValidationException)" in text
    assert f"Cannot find requested image: {image}" in text
    nobody = world.role.replace("sagemaker-tests", "nobody")
    text = refusal(world, RoleArn=nobody)
    assert "(ValidationException)" in text
    assert f"Could not assume role {nobody}" in text
    text = refusal(world, ResourceConfig={
        "InstanceType": "ml.abacus", "InstanceCount": 1, "VolumeSizeInGB": 1})  # fmt: skip
    assert "Value 'ml.abacus' at 'resourceConfig.instanceType' failed to satisfy" in text
    assert "Member must satisfy enum value set: [" in text
    text = refusal(world, AlgorithmSpecification={**specification, "TrainingInputMode": "Pipe"})
    assert "does not offer the input mode Pipe" in text


def test_a_role_that_trusts_somebody_else_is_refused(world: World) -> None:
    role = allow(world.aws, world.name("lambda"), ("s3:*", "*"), service="lambda.amazonaws.com")
    assert "allows principal 'sagemaker.amazonaws.com' to assume" in refusal(world, RoleArn=role)


def test_an_unknown_job_is_not_found(world: World) -> None:
    with pytest.raises(ClientError, match="Requested resource not found"):
        world.aws.sagemaker.describe_training_job(TrainingJobName="never-was")


def test_jobs_are_listed_by_page_and_filter(world: World) -> None:
    stem = world.name("listed")
    names = [f"{stem}-{number}" for number in range(3)]
    for name in names:
        world.train(name, HyperParameters={"fail": "x"} if name.endswith("2") else {})
    page = world.aws.sagemaker.list_training_jobs(
        NameContains=stem, MaxResults=2, SortBy="Name", SortOrder="Descending"
    )
    rest = world.aws.sagemaker.list_training_jobs(
        NameContains=stem,
        MaxResults=2,
        SortBy="Name",
        SortOrder="Descending",
        NextToken=page["NextToken"],
    )
    seen = [*page["TrainingJobSummaries"], *rest["TrainingJobSummaries"]]
    assert [job["TrainingJobName"] for job in seen] == names[::-1]
    assert "NextToken" not in rest
    failed = world.aws.sagemaker.list_training_jobs(NameContains=stem, StatusEquals="Failed")
    assert [job["TrainingJobName"] for job in failed["TrainingJobSummaries"]] == names[2:]
