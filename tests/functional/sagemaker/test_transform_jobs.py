"""Batch Transform: objects through a model's container and back, and how jobs fail."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.queues import queue_of_events
from tests.functional.sagemaker.world import BUCKET, IMAGE, World, allow, until

GROUP = "/aws/sagemaker/TransformJobs"
LINES = '{"id":1,"s3":"a"}\n{"id":2,"s3":"b"}\n'


def request(world: World, model: str, uri: str, **changes: Any) -> dict[str, Any]:
    name = world.name("transform")
    made: dict[str, Any] = {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": lines_at(uri),
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsMaxRetries": 0},
    }
    return {**made, **changes}


def lines_at(uri: str, kind: str = "S3Prefix", **more: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}
    return {"DataSource": source, "ContentType": "application/json", "SplitType": "Line", **more}


def started(world: World, model: str, uri: str, **changes: Any) -> str:
    made = request(world, model, uri, **changes)
    world.aws.sagemaker.create_transform_job(**made)
    return str(made["TransformJobName"])


def ended(world: World, name: str) -> dict[str, Any]:
    return until(
        lambda: dict(world.aws.sagemaker.describe_transform_job(TransformJobName=name)),
        lambda job: job["TransformJobStatus"] not in {"InProgress", "Stopping"},
    )


def transformed(world: World, model: str, uri: str, **changes: Any) -> dict[str, Any]:
    return ended(world, started(world, model, uri, **changes))


def rows(world: World, job: dict[str, Any], key: str) -> list[Any]:
    text = world.read(f"{job['TransformOutput']['S3OutputPath']}/{key}.out").decode()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def keys(world: World, job: dict[str, Any]) -> list[str]:
    prefix = f"out/{job['TransformJobName']}/"
    found = world.aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [each["Key"].removeprefix(prefix) for each in found]


def data_log(world: World, job: dict[str, Any]) -> str:
    streams = world.aws.logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix=f"{job['TransformJobName']}/i-"
    )["logStreams"]
    (name,) = [each["logStreamName"] for each in streams if "data-log" in each["logStreamName"]]
    events = world.aws.logs.get_log_events(logGroupName=GROUP, logStreamName=name)["events"]
    return "\n".join(event["message"] for event in events)


@pytest.fixture(scope="module")
def model(world: World) -> str:
    """A model whose container answers each line with what it got."""
    return world.model(ECHO="1", WORD="model")


def test_answers_lie_beside_their_records_in_objects_named_as_the_inputs(
    world: World, model: str
) -> None:
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": LINES, "more/b.jsonl": '{"id":3}\n'})
    name = started(
        world,
        model,
        uri,
        DataProcessing={
            "InputFilter": "$.id",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
        Environment={"WORD": "job"},
        MaxConcurrentTransforms=2,
        Tags=[{"Key": "team", "Value": "vision"}],
    )
    job = ended(world, name)
    assert job["TransformJobStatus"] == "Completed", job
    assert job["TransformStartTime"] <= job["TransformEndTime"]
    assert keys(world, job) == ["a.jsonl.out", "more/b.jsonl.out"]
    first, second = rows(world, job, "a.jsonl")
    assert (first["id"], second["id"]) == (1, 2)
    assert list(first) == ["id", "SageMakerOutput"]
    assert first["SageMakerOutput"] == {
        "got": "1", "of": 1, "type": "application/json", "accept": None,
        "WORD": "job", "SAGEMAKER_BATCH": "true", "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
    }  # fmt: skip
    tags = world.aws.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "vision"}]
    assert "MaxConcurrentTransforms=2, MaxPayloadInMB=6" in data_log(world, job)
    (listed,) = world.aws.sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert listed["TransformJobStatus"] == "Completed"


def test_whole_objects_of_a_manifest_go_to_two_instances(world: World, model: str) -> None:
    uri = world.put(f"data/{world.name()}", {"1.txt": "one", "2.txt": "two", "3.txt": "three"})
    manifest = json.dumps([{"prefix": uri}, "1.txt", "3.txt"])
    folder = world.put(f"manifests/{world.name()}", {"objects.manifest": manifest})
    given = lines_at(f"{folder}objects.manifest", "ManifestFile", SplitType="None")
    job = transformed(
        world,
        model,
        uri,
        TransformInput={**given, "ContentType": "text/plain"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/{world.name()}", "Accept": "x/y"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2},
    )
    assert job["TransformJobStatus"] == "Completed", job
    path = job["TransformOutput"]["S3OutputPath"]
    answer = json.loads(world.read(f"{path}/3.txt.out"))
    assert (answer["got"], answer["type"], answer["accept"]) == ("three", "text/plain", "x/y")
    assert json.loads(world.read(f"{path}/1.txt.out"))["got"] == "one"


def test_a_container_says_how_it_wants_to_be_asked(world: World) -> None:
    parameters = {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD"}
    # each request waits for another one: a job that asks for one at a time would fail
    model = world.model(ECHO="1", MEET="2", PARAMETERS=json.dumps(parameters))
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": LINES})
    made = request(world, model, uri)
    del made["BatchStrategy"]
    world.aws.sagemaker.create_transform_job(**made)
    job = ended(world, made["TransformJobName"])
    assert job["TransformJobStatus"] == "Completed", job
    assert [row["of"] for row in rows(world, job, "a.jsonl")] == [1, 1]
    assert "MaxConcurrentTransforms=2" in data_log(world, job)
    assert "BatchStrategy=SINGLE_RECORD" in data_log(world, job)


def test_a_refused_record_fails_the_job_and_leaves_the_other_objects(
    world: World, model: str
) -> None:
    bad = '{"id":1}\n"refuse"\n{"id":2}\n'
    uri = world.put(f"lines/{world.name()}", {"bad.jsonl": bad, "good.jsonl": LINES})
    job = transformed(world, model, uri, ModelClientConfig={"InvocationsMaxRetries": 3})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert keys(world, job) == ["good.jsonl.out"]
    log = data_log(world, job)
    assert "bad.jsonl: ClientError: 422" in log
    assert "Message: no such picture" in log


def test_errors_of_the_container_are_tried_again_as_often_as_the_job_says(world: World) -> None:
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": '{"id":1}\n'})
    model = world.model(ECHO="1", FLAWS="2")
    job = transformed(world, model, uri, ModelClientConfig={"InvocationsMaxRetries": 2})
    assert job["TransformJobStatus"] == "Completed", job
    job = transformed(world, model, uri, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "Bad HTTP status received from algorithm: 500" in data_log(world, job)


def test_a_container_that_takes_too_long_fails_its_objects(world: World, model: str) -> None:
    uri = world.put(f"data/{world.name()}", {"a.txt": "slow", "b.txt": "fast"})
    patience = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    slow = world.model(ECHO="1", SLOW_SECONDS="30")
    job = transformed(world, slow, uri, ModelClientConfig=patience)
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "a.txt: Unable to get response from algorithm" in data_log(world, job)
    assert keys(world, job) == ["b.txt.out"]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CRASH": "1"}, "AlgorithmError: Model container failed to respond to ping."),
        ({"MORTAL": "1"}, "AlgorithmError: The model container ended before it had answered."),
    ],
)
def test_a_container_that_ends_fails_the_job(
    world: World, variables: dict[str, str], reason: str
) -> None:
    uri = world.put(f"data/{world.name()}", {"a.txt": "x"})
    job = transformed(world, world.model(**variables), uri)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_stopping_ends_the_container_and_stores_nothing(world: World) -> None:
    uri = world.put(f"data/{world.name()}", {"a.txt": "quick", "b.txt": "slow"})
    name = started(world, world.model(ECHO="1", SLOW_SECONDS="300"), uri)
    until(
        lambda: dict(world.aws.sagemaker.describe_transform_job(TransformJobName=name)),
        lambda job: "TransformStartTime" in job,
    )
    world.aws.sagemaker.stop_transform_job(TransformJobName=name)
    job = ended(world, name)
    assert job["TransformJobStatus"] == "Stopped"
    assert keys(world, job) == []
    with pytest.raises(ClientError, match="transform job is in status Stopped"):
        world.aws.sagemaker.stop_transform_job(TransformJobName=name)


def test_the_models_role_reads_and_writes(world: World) -> None:
    reader = allow(
        world.aws,
        world.name("reader"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"),
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
        (["ecr:*", "logs:*"], "*"),
        service="sagemaker.amazonaws.com",
    )
    model = world.name("model")
    container: Any = {"Image": IMAGE, "Environment": {"ECHO": "1"}}
    world.aws.sagemaker.create_model(
        ModelName=model, ExecutionRoleArn=reader, PrimaryContainer=container
    )
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": LINES})
    job = transformed(world, model, uri)
    assert job["TransformJobStatus"] == "Failed"
    assert 's3:PutObject" permissions' in job["FailureReason"]
    assert reader in job["FailureReason"]


def test_no_objects_fail_the_job(world: World, model: str) -> None:
    job = transformed(world, model, f"s3://{BUCKET}/nothing/here/")
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_outputs_are_encrypted_with_the_jobs_key(world: World, model: str) -> None:
    key = world.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    world.aws.client("iam").put_role_policy(
        RoleName=world.role.rsplit("/", 1)[-1],
        PolicyName="key",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": key}],
            }
        ),
    )
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": LINES})
    path = f"out/{world.name()}"
    output = {"S3OutputPath": f"s3://{BUCKET}/{path}", "KmsKeyId": key}
    job = transformed(world, model, uri, TransformOutput=output)
    assert job["TransformJobStatus"] == "Completed", job
    head = world.aws.s3.head_object(Bucket=BUCKET, Key=f"{path}/a.jsonl.out")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_events_tell_how_a_job_stands(world: World, model: str) -> None:
    name = world.name("told")
    queue = world.aws.client("sqs")
    url, arn = queue_of_events(queue, name)
    events = world.aws.events
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Transform Job State Change"],
        "detail": {"TransformJobStatus": ["Completed"]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    uri = world.put(f"lines/{world.name()}", {"a.jsonl": LINES})
    job = transformed(world, model, uri)
    found = until(
        lambda: dict(queue.receive_message(QueueUrl=url, WaitTimeSeconds=1)),
        lambda answer: bool(answer.get("Messages")),
    )
    event = json.loads(found["Messages"][0]["Body"])
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    assert event["resources"] == [job["TransformJobArn"]]
    assert event["detail"]["ModelName"] == model


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ModelName": "nobody"}, 'Could not find model "arn:aws:sagemaker'),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "must be at most 100"),
        ({"DataProcessing": {"InputFilter": "$..id"}}, "is not a supported JSONPath"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "AssembleWith must be the same"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(
    world: World, model: str, changes: dict[str, Any], sentence: str
) -> None:
    output = {"S3OutputPath": f"s3://{BUCKET}/out"}
    made = request(world, model, f"s3://{BUCKET}/x", TransformOutput=output)
    with pytest.raises(ClientError, match="ValidationException") as refused:
        world.aws.sagemaker.create_transform_job(**{**made, **changes})
    assert sentence in str(refused.value)
