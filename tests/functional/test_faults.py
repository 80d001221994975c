"""Faults on purpose: they come as asked, in each protocol's form, and to nobody else's calls."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from visionml.aws.session import Aws
from visionml.cli.local import local
from visionml.errors import AccessDenied, InvalidInput
from visionml.local import faults
from visionml.local.state import Project, State

ONCE = {"retries": {"total_max_attempts": 1}}


@pytest.fixture(autouse=True)
def none_left(aws_local: State) -> Iterator[None]:
    yield
    faults.clear(aws_local)


def outcomes(count: int, call: Callable[[], object]) -> list[str]:
    """Return what calls answered: an error's code and status, or ``ok``."""
    found = []
    for _ in range(count):
        try:
            call()
            found.append("ok")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found.append(f"{error.response['Error']['Code']} {status}")
    return found


@pytest.fixture
def bucket(aws: Aws) -> str:
    name = f"faults-{uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name)
    aws.s3.put_object(Bucket=name, Key="key", Body=b"content")
    return name


def test_objects_cannot_be_read_some_times_and_then_they_can(
    aws: Aws, aws_local: State, bucket: str
) -> None:
    s3 = aws.client("s3", **ONCE)
    faults.inject(aws_local, "s3:GetObject", "SlowDown", times=2, after=1)
    found = outcomes(5, lambda: s3.get_object(Bucket=bucket, Key="key"))
    assert found == ["ok", "SlowDown 503", "SlowDown 503", "ok", "ok"]
    faults.inject(aws_local, "s3:HeadObject", "InternalError")
    assert outcomes(1, lambda: s3.get_object(Bucket=bucket, Key="key")) == ["ok"]
    assert outcomes(1, lambda: s3.head_object(Bucket=bucket, Key="key")) == ["500 500"]


def test_a_copy_fails_where_a_put_does_not(aws: Aws, aws_local: State, bucket: str) -> None:
    s3 = aws.client("s3", **ONCE)
    faults.inject(aws_local, "s3:CopyObject", "ServiceUnavailable")
    assert outcomes(1, lambda: s3.put_object(Bucket=bucket, Key="two")) == ["ok"]
    source: Any = {"Bucket": bucket, "Key": "key"}
    copied = outcomes(1, lambda: s3.copy_object(Bucket=bucket, Key="three", CopySource=source))
    assert copied == ["ServiceUnavailable 503"]


def test_items_cannot_be_put_some_times(aws: Aws, aws_local: State) -> None:
    table, client = f"faults-{uuid4().hex[:8]}", aws.client("dynamodb", **ONCE)
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    faults.inject(aws_local, "dynamodb:PutItem", "ProvisionedThroughputExceededException")
    faults.inject(aws_local, "dynamodb:PutItem", "InternalServerError")
    found = outcomes(3, lambda: client.put_item(TableName=table, Item={"id": {"S": "1"}}))
    assert found == [
        "ProvisionedThroughputExceededException 400",
        "InternalServerError 500",
        "ok",
    ]


def test_a_client_that_tries_again_does_not_notice(aws: Aws, aws_local: State) -> None:
    faults.inject(aws_local, "sqs:CreateQueue", "ThrottlingException", times=1)
    aws.client("sqs").create_queue(QueueName=f"faults-{uuid4().hex[:8]}")
    assert faults.pending(aws_local) == ()


def test_each_protocol_answers_in_its_form(aws: Aws, aws_local: State) -> None:
    looker = aws.client("rekognition", **ONCE)
    faults.inject(
        aws_local, "rekognition:DetectLabels", "ProvisionedThroughputExceededException", times=1
    )
    found = outcomes(1, lambda: looker.detect_labels(Image={"Bytes": b"x"}))
    assert found == ["ProvisionedThroughputExceededException 400"]
    faults.inject(aws_local, "lambda:Invoke", "TooManyRequestsException")
    caller = aws.client("lambda", **ONCE)
    assert outcomes(1, lambda: caller.invoke(FunctionName="none")) == [
        "TooManyRequestsException 429"
    ]
    faults.inject(aws_local, "sns:ListTopics", "InternalError")
    assert outcomes(1, aws.client("sns", **ONCE).list_topics) == ["InternalError 500"]
    faults.inject(aws_local, "states:ListStateMachines", "ThrottlingException")
    states = aws.client("stepfunctions", **ONCE)
    assert outcomes(1, states.list_state_machines) == ["ThrottlingException 400"]


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("dynamodb:PutItems", "ThrottlingException", "dynamodb has no operation PutItems."),
        ("dynamodb:PutItem", "TooTiredException", "dynamodb has no error TooTiredException."),
        ("dynamo:PutItem", "ThrottlingException", "There is no service dynamo."),
        ("PutItem", "ThrottlingException", "operation: String should match pattern"),
    ],
)
def test_a_fault_that_no_service_answers_is_refused(
    aws_local: State, operation: str, code: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        faults.inject(aws_local, operation, code)
    assert refused.value.hint
    assert faults.pending(aws_local) == ()


def test_only_the_owner_may_ask_for_faults(aws: Aws, aws_local: State) -> None:
    iam, name = aws.client("iam"), f"faulty-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    stranger = aws_local.model_copy(
        update={
            "access_key_id": key["AccessKeyId"],
            "secret_access_key": key["SecretAccessKey"],
        }
    )
    with pytest.raises(AccessDenied, match="visionml-local:InjectFault"):
        faults.inject(stranger, "s3:GetObject", "SlowDown")
    forged = aws_local.model_copy(update={"secret_access_key": "wrong"})
    with pytest.raises((AccessDenied, InvalidInput)):
        faults.inject(forged, "s3:GetObject", "SlowDown")
    assert faults.pending(aws_local) == ()


def test_the_command_line_asks_shows_and_clears(aws_local: State, local_project: Project) -> None:
    del aws_local

    def ran(*words: str) -> Any:
        with contextlib.chdir(local_project.folder.parent):
            done = CliRunner().invoke(local, ["fault", *words, "--json"], catch_exceptions=False)
        return json.loads(done.stdout)

    asked = {"operation": "s3:GetObject", "code": "SlowDown", "times": 3, "after": 2}
    words = ("s3:GetObject", "SlowDown", "--times", "3", "--after", "2")
    assert ran(*words) == [asked]
    assert ran() == [asked]
    assert ran("--clear") == []
