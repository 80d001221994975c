"""What intake and the detector ask of the embedded AWS, each service as AWS documents it."""

import base64
import http.client
import json
import shutil
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.functional.waiting import until
from visionml.aws.session import Aws
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import REGION, Project, State

HERE = Path(__file__).parent / "intake"
STACK = "intake-tests"
DOCKERFILE = """
FROM public.ecr.aws/docker/library/python:3.11-slim
WORKDIR /opt/intake
COPY . /opt/intake
ENV PATH=/opt/intake:$PATH
ENTRYPOINT ["python", "-m", "awslambdaric"]
CMD ["receiver.handler"]
"""


@dataclass(frozen=True)
class Intake:
    """A stack with all that the flow needs."""

    aws: Aws
    out: Mapping[str, str]

    def drop(self, name: str, text: str = "picture") -> str:
        """Put an object below ``uploads/`` and return its version."""
        key = f"uploads/{uuid4().hex}/{name}"
        put = self.aws.s3.put_object(Bucket=self.out["Bucket"], Key=key, Body=text.encode())
        return put["VersionId"]

    def item(self, image: str, timestamp: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
        """Return a record of the table, waiting for it."""
        key: Any = {"ImageID": {"S": image}, "Timestamp": {"S": timestamp}}
        client = self.aws.client("dynamodb")

        def look() -> Any:
            return client.get_item(TableName=self.out["Table"], Key=key).get("Item")

        item: dict[str, Any] = until(look)
        return item

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Receive what a queue has."""
        client = self.aws.client("sqs")
        found = client.receive_message(QueueUrl=self.out[queue], MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in found.get("Messages", [])]

    def waiting(self) -> int:
        """Return how many messages wait in the queue."""
        name = "ApproximateNumberOfMessages"
        client = self.aws.client("sqs")
        found = client.get_queue_attributes(QueueUrl=self.out["Queue"], AttributeNames=[name])
        return int(found["Attributes"][name])

    def counted(self, namespace: str, name: str, **dimensions: str) -> float:
        """Return the sum of a metric so far."""
        now = datetime.now(UTC)
        found = self.aws.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": each, "Value": value} for each, value in dimensions.items()],
            StartTime=now - timedelta(minutes=30),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(each["Sum"] for each in found["Datapoints"])


@pytest.fixture(scope="module")
def intake(
    aws: Aws, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Intake]:
    context = tmp_path_factory.mktemp("intake-image")
    (context / "Dockerfile").write_text(DOCKERFILE.lstrip(), encoding="utf-8")
    shutil.copy(HERE / "receiver.py", context)
    aws.client("ecr").create_repository(repositoryName=STACK)
    publish_image(aws, local_project.images, ImageAsset(context, "Dockerfile", STACK, "1"))
    stacks = aws.cloudformation
    stacks.create_stack(
        StackName=STACK,
        TemplateBody=(HERE / "template.json").read_text(encoding="utf-8"),
        Capabilities=["CAPABILITY_IAM"],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    outputs = stacks.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    made = Intake(aws, {each["OutputKey"]: each["OutputValue"] for each in outputs})
    yield made
    aws.client("lambda").delete_event_source_mapping(UUID=made.out["Mapping"])


def test_an_objects_event_reaches_the_function_which_reads_that_version(intake: Intake) -> None:
    version = intake.drop("cat.jpg", "a cat")
    item = intake.item(version)
    event = json.loads(item["Event"]["S"])
    found = event["object"]
    assert item["Text"]["S"] == "a cat"
    assert (found["version-id"], found["size"]) == (version, 5)
    assert found["etag"] == md5(b"a cat", usedforsecurity=False).hexdigest()
    assert int(found["sequencer"], 16) > 0
    assert event["reason"] == "PutObject"
    assert event["bucket"] == {"name": intake.out["Bucket"]}


def test_what_a_function_reports_as_failed_goes_to_the_dead_letters_and_the_rest_does_not(
    intake: Intake,
) -> None:
    poison = intake.drop("poison")
    intake.item(intake.drop("dog.jpg"))
    (letter,) = until(lambda: intake.messages("Failed"))
    assert letter["detail"]["object"]["version-id"] == poison


def test_a_mapping_runs_as_many_batches_at_once_as_it_may_and_no_more(intake: Intake) -> None:
    versions = [intake.drop(f"meet-{number}") for number in range(4)]
    for version in versions:
        intake.item(version)
    assert intake.item("seen-2", "-")
    table = intake.aws.client("dynamodb")
    key: Any = {"ImageID": {"S": "seen-3"}, "Timestamp": {"S": "-"}}
    assert "Item" not in table.get_item(TableName=intake.out["Table"], Key=key)


def test_a_mapping_stands_still_while_the_functions_role_may_not_read_its_queue(
    intake: Intake,
) -> None:
    functions, iam = intake.aws.client("lambda"), intake.aws.client("iam")
    arn = functions.get_function_configuration(FunctionName=intake.out["Function"])["Role"]
    role = arn.rsplit("/", 1)[1]
    policy: Any = {"Effect": "Deny", "Action": "sqs:ReceiveMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)

    def said() -> str:
        found = functions.get_event_source_mapping(UUID=intake.out["Mapping"])
        return str(found["LastProcessingResult"])

    try:
        assert "explicit deny" in until(lambda: said().startswith("PROBLEM") and said())
        version = intake.drop("cat.jpg")
        until(lambda: intake.waiting() == 1)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert intake.item(version)


def test_a_queue_whose_policy_or_key_is_silent_about_events_gets_none(intake: Intake) -> None:
    intake.item(intake.drop("cat.jpg"))
    assert until(
        lambda: intake.counted("AWS/Events", "FailedInvocations", RuleName=intake.out["Rule"]) >= 2
    )
    assert intake.messages("Closed") == []
    assert intake.messages("Locked") == []


def test_a_version_is_read_copied_and_deleted_by_its_name_while_it_has_its_etag(
    intake: Intake,
) -> None:
    s3, bucket = intake.aws.s3, intake.out["Bucket"]
    old = s3.put_object(Bucket=bucket, Key="other/one", Body=b"old")
    s3.put_object(Bucket=bucket, Key="other/one", Body=b"new")
    source: Any = {"Bucket": bucket, "Key": "other/one", "VersionId": old["VersionId"]}
    target: Any = {"Bucket": bucket, "Key": "quarantine/one", "CopySource": source}
    with pytest.raises(ClientError) as refused:
        s3.copy_object(**target, CopySourceIfMatch="0" * 32)
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    s3.copy_object(**target, CopySourceIfMatch=old["ETag"])
    assert s3.get_object(Bucket=bucket, Key="quarantine/one")["Body"].read() == b"old"
    s3.delete_object(**source)
    with pytest.raises(ClientError) as gone:
        s3.get_object(**source)
    assert gone.value.response["Error"]["Code"] == "NoSuchVersion"
    with pytest.raises(ClientError) as gone:
        s3.copy_object(**target)
    assert gone.value.response["Error"]["Code"] == "NoSuchVersion"
    assert s3.get_object(Bucket=bucket, Key="other/one")["Body"].read() == b"new"


def test_lifecycle_rules_are_kept_as_the_stack_gave_them(intake: Intake) -> None:
    found = intake.aws.s3.get_bucket_lifecycle_configuration(Bucket=intake.out["Bucket"])
    (rule,) = found["Rules"]
    assert rule["Expiration"] == {"Days": 90}
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    assert [(each["StorageClass"], each["Days"]) for each in rule["Transitions"]] == [
        ("STANDARD_IA", 30),
        ("GLACIER_IR", 60),
    ]


def test_an_express_execution_leaves_its_log_and_its_metrics(intake: Intake) -> None:
    version = intake.drop("fail.jpg")
    intake.item(version)
    machine = intake.out["Machine"]

    def failed() -> Any:
        return intake.counted("AWS/States", "ExecutionsFailed", StateMachineArn=machine)

    assert until(failed) == 1
    with pytest.raises(ClientError) as refused:
        intake.aws.states.list_executions(stateMachineArn=machine)
    assert refused.value.response["Error"]["Code"] == "StateMachineTypeNotSupported"

    def logged() -> Any:
        found = intake.aws.logs.filter_log_events(logGroupName=intake.out["Log"])["events"]
        lines = [json.loads(each["message"]) for each in found]
        return [each for each in lines if f":{version}:" in each["execution_arn"]]

    lines = until(logged)
    assert lines[0]["type"] == "ExecutionStarted"
    assert "input" not in lines[0]["details"]
    assert lines[-1]["details"] == {"error": "NotLookedAt", "cause": f"nobody looked at {version}"}


def test_a_secret_of_a_stack_is_generated_and_read_under_the_functions_role(
    intake: Intake,
) -> None:
    item = intake.item(intake.drop("cat.jpg"))
    assert item["SecretLength"]["N"] == "64"


def test_a_table_of_a_stack_has_its_index_its_stream_its_expiry_and_its_backup(
    intake: Intake,
) -> None:
    version = intake.drop("cat.jpg")
    intake.item(version)
    table, name = intake.aws.client("dynamodb"), intake.out["Table"]
    found = table.query(
        TableName=name,
        IndexName="StatusIndex",
        KeyConditionExpression="ProcessingStatus = :status",
        ExpressionAttributeValues={":status": {"S": "accepted"}},
    )["Items"]
    assert version in [each["ImageID"]["S"] for each in found]
    described = table.describe_table(TableName=name)["Table"]
    assert described["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert described["SSEDescription"]["SSEType"] == "KMS"
    expiry = table.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("Expires", "ENABLED")
    backup = table.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backup["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_an_update_changes_what_the_template_changes_and_nothing_else(intake: Intake) -> None:
    secrets, secret = intake.aws.client("secretsmanager"), intake.out["Secret"]
    before = secrets.get_secret_value(SecretId=secret)["SecretString"]
    template = json.loads((HERE / "template.json").read_text(encoding="utf-8"))
    resources = template["Resources"]
    rules = resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    rules[0]["ExpirationInDays"] = 45
    resources["Table"]["Properties"]["TimeToLiveSpecification"]["Enabled"] = False
    resources["Machine"]["Properties"]["LoggingConfiguration"]["Level"] = "ERROR"
    resources["Secret"]["Properties"]["Description"] = "changed"
    stacks = intake.aws.cloudformation
    stacks.update_stack(
        StackName=STACK, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    stacks.get_waiter("stack_update_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    after = secrets.describe_secret(SecretId=secret)
    assert after["Description"] == "changed"
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == before
    found = intake.aws.s3.get_bucket_lifecycle_configuration(Bucket=intake.out["Bucket"])
    assert found["Rules"][0]["Expiration"] == {"Days": 45}
    encryption = intake.aws.s3.get_bucket_encryption(Bucket=intake.out["Bucket"])
    (rule,) = encryption["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    table = intake.aws.client("dynamodb")
    expiry = table.describe_time_to_live(TableName=intake.out["Table"])
    assert expiry["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    described = intake.aws.states.describe_state_machine(stateMachineArn=intake.out["Machine"])
    assert described["loggingConfiguration"]["level"] == "ERROR"


PICTURE = b"0123456789"
CONDITION = "Invalid according to Policy: Policy Condition failed:"


@dataclass(frozen=True)
class Form:
    """An upload form that takes ten bytes of JPEG of one user."""

    intake: Intake
    server: State
    url: str
    fields: dict[str, str]

    def send(self, body: bytes = PICTURE, **changes: str) -> tuple[int, dict[str, str], str]:
        """Send a file; return status, headers and S3's error code with its message."""
        fields = {
            **self.fields,
            **{each.replace("_", "-"): value for each, value in changes.items()},
        }
        mark = uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        content = "".join([*parts, file]).encode() + body + f"\r\n--{mark}--\r\n".encode()
        context = ssl.create_default_context(cafile=self.server.ca_certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context)
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        connection.request("POST", urlsplit(self.url).path, content, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def signer(intake: Intake) -> Any:
    """Return an S3 client that signs forms as buckets with a KMS key demand."""
    return intake.aws._session.client(
        "s3",
        config=Config(signature_version="s3v4"),
        **intake.aws._where,
    )


@pytest.fixture
def form(intake: Intake, aws_local: State) -> Form:
    return _form(intake, aws_local)


def _form(intake: Intake, server: State, *, seconds: int = 300) -> Form:
    made = signer(intake).generate_presigned_post(
        intake.out["Bucket"],
        f"uploads/{uuid4().hex}/form.jpg",
        Fields={"Content-Type": "image/jpeg", "x-amz-meta-user": "u-1"},
        Conditions=[
            ["eq", "$Content-Type", "image/jpeg"],
            ["eq", "$x-amz-meta-user", "u-1"],
            ["content-length-range", len(PICTURE), len(PICTURE)],
        ],
        ExpiresIn=seconds,
    )
    return Form(intake, server, made["url"], made["fields"])


def test_a_form_stores_its_file_with_type_and_metadata_and_tells_of_it(form: Form) -> None:
    status, headers, text = form.send()
    assert (status, text) == (204, "")
    s3, bucket = form.intake.aws.s3, form.intake.out["Bucket"]
    found = s3.get_object(Bucket=bucket, Key=form.fields["key"])
    assert found["Body"].read() == PICTURE
    assert found["VersionId"] == headers["x-amz-version-id"]
    assert (found["ContentType"], found["Metadata"]) == ("image/jpeg", {"user": "u-1"})
    assert found["ServerSideEncryption"] == "aws:kms"
    event = json.loads(form.intake.item(found["VersionId"])["Event"]["S"])
    assert event["reason"] == "POST Object"


def test_a_form_answers_with_the_status_that_it_asks_for(intake: Intake, aws_local: State) -> None:
    made = signer(intake).generate_presigned_post(
        intake.out["Bucket"],
        "other/created",
        Fields={"success_action_status": "201"},
        Conditions=[{"success_action_status": "201"}],
    )
    status, _, text = Form(intake, aws_local, made["url"], made["fields"]).send()
    assert status == 201
    assert "<Key>other/created</Key>" in text


@pytest.mark.parametrize(
    ("body", "changes", "error", "message"),
    [
        (PICTURE + b"x", {}, (400, "EntityTooLarge"),
         "Your proposed upload exceeds the maximum allowed size"),
        (PICTURE[:-1], {}, (400, "EntityTooSmall"),
         "Your proposed upload is smaller than the minimum allowed object size"),
        (PICTURE, {"Content_Type": "text/html"}, (403, "AccessDenied"),
         f'{CONDITION} ["eq", "$Content-Type", "image/jpeg"]'),
        (PICTURE, {"x_amz_meta_user": "u-2"}, (403, "AccessDenied"),
         f'{CONDITION} ["eq", "$x-amz-meta-user", "u-1"]'),
        (PICTURE, {"x_amz_meta_more": "1"}, (403, "AccessDenied"),
         "Invalid according to Policy: Extra input fields: x-amz-meta-more"),
        (PICTURE, {"key": "uploads/elsewhere"}, (403, "AccessDenied"),
         CONDITION),
        (PICTURE, {"x_amz_signature": "0" * 64}, (403, "SignatureDoesNotMatch"),
         "The request signature we calculated does not match the signature you provided."),
    ],
)  # fmt: skip
def test_a_form_takes_nothing_that_its_policy_does_not_name(
    form: Form, body: bytes, changes: dict[str, str], error: tuple[int, str], message: str
) -> None:
    answered, headers, text = form.send(body, **changes)
    found = ET.fromstring(text)
    assert (answered, found.findtext("Code")) == error
    assert str(found.findtext("Message")).startswith(message)
    assert headers["content-type"] == "application/xml"


def test_a_form_is_worth_nothing_once_it_has_expired(intake: Intake, aws_local: State) -> None:
    form = _form(intake, aws_local, seconds=-10)
    status, _, text = form.send()
    error = ET.fromstring(text)
    assert (status, error.findtext("Code")) == (403, "AccessDenied")
    assert error.findtext("Message") == "Invalid according to Policy: Policy expired."


def test_a_forms_policy_cannot_be_changed(form: Form) -> None:
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    policy["conditions"] = [each for each in policy["conditions"] if "$Content-Type" not in each]
    changed = base64.b64encode(json.dumps(policy).encode()).decode()
    assert form.send(policy=changed)[0] == 403


def test_a_form_is_worth_no_more_than_its_signer(intake: Intake, aws_local: State) -> None:
    iam, name = intake.aws.client("iam"), f"stranger-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    stranger = Aws(session, endpoint_url=aws_local.endpoint_url, ca_bundle=aws_local.ca_bundle)
    status, _, text = _form(Intake(stranger, intake.out), aws_local).send()
    assert (status, ET.fromstring(text).findtext("Code")) == (403, "AccessDenied")
