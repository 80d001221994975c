"""A function that reads a stream: what is tried again, what is given up, and who is told."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.sagemaker.world import allow
from tests.functional.waiting import until
from visionml.aws.session import Aws

_FUNCTION = """
import base64, json, os

def handler(event, context):
    records = [each["kinesis"] for each in event["Records"]]
    words = [base64.b64decode(each["data"]).decode() for each in records]
    print("batch", *words)
    if "poison" not in words:
        return {"batchItemFailures": []}
    if os.environ["WAY"] == "raise":
        raise ValueError("poison")
    failed = records[words.index("poison")]["sequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": failed}]}
"""


@dataclass(frozen=True)
class Reading:
    """A stream with one shard, a function that reads it, and a queue that is told of failures."""

    aws: Aws
    name: str
    role: str
    queue_url: str
    queue_arn: str

    def put(self, *words: str, keys: Sequence[str] = ()) -> dict[str, str]:
        """Append records, of one partition key or of these; return their sequence numbers."""
        records: Any = [
            {"Data": word.encode(), "PartitionKey": key}
            for word, key in zip(words, keys or ["same"] * len(words), strict=True)
        ]
        put = self.aws.client("kinesis").put_records(StreamName=self.name, Records=records)
        numbers = [each["SequenceNumber"] for each in put["Records"]]
        return dict(zip(words, numbers, strict=True))

    @property
    def stream_arn(self) -> str:
        """The stream's ARN."""
        found = self.aws.client("kinesis").describe_stream_summary(StreamName=self.name)
        return str(found["StreamDescriptionSummary"]["StreamARN"])

    def read(self, way: str, target: str, *, source: str = "", **changes: Any) -> None:
        """Create the function, and its mapping with a destination."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", _FUNCTION)
        functions = self.aws.client("lambda")
        functions.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=self.role,
            Code={"ZipFile": package.getvalue()},
            Environment={"Variables": {"WAY": way}},
        )
        functions.create_event_source_mapping(
            FunctionName=self.name,
            EventSourceArn=source or self.stream_arn,
            StartingPosition="TRIM_HORIZON",
            DestinationConfig={"OnFailure": {"Destination": target}},
            **changes,
        )

    def batches(self) -> list[str]:
        """Return the words of every batch so far."""
        logs = self.aws.logs
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        except logs.exceptions.ResourceNotFoundException:  # nothing has run yet
            return []
        lines = [line for event in found for line in event["message"].splitlines()]
        return [line.removeprefix("batch ") for line in lines if line.startswith("batch ")]

    def told(self) -> dict[str, Any]:
        """Return what the queue was told of a failure, waiting for it."""
        client = self.aws.client("sqs")

        def look() -> Any:
            return client.receive_message(QueueUrl=self.queue_url).get("Messages")

        (message,) = until(look)
        told: dict[str, Any] = json.loads(message["Body"])
        return told


@pytest.fixture
def reading(aws: Aws) -> Iterator[Reading]:
    name = f"reading-{uuid4().hex[:8]}"
    kinesis, queues = aws.client("kinesis"), aws.client("sqs")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    role = allow(
        aws,
        name,
        ("logs:*", "*"),
        ("sqs:SendMessage", arn),
        ("sns:Publish", f"arn:aws:sns:*:*:{name}"),
        service="lambda.amazonaws.com",
    )
    yield Reading(aws, name, role, url, arn)
    functions = aws.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    kinesis.delete_stream(StreamName=name)


def seen(reading: Reading, last: str) -> list[str]:
    """Wait for a batch with a word, and return all batches."""
    look: Callable[[], bool] = lambda: last in " ".join(reading.batches()).split()  # noqa: E731
    until(look)
    return reading.batches()


def test_a_reported_record_is_isolated_and_given_up_and_the_others_are_done_once(
    reading: Reading,
) -> None:
    numbers = reading.put("a", "b", "poison", "c", "d")
    reading.read(
        "report",
        reading.queue_arn,
        BatchSize=5,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    until(lambda: _waiting(reading) == 1)
    told = reading.told()
    assert seen(reading, "d") == ["a b poison c d", "poison c d", "poison", "poison", "c d"]
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["functionArn"].endswith(f":function:{reading.name}")
    batch = told["KinesisBatchInfo"]
    assert batch["batchSize"] == 1
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"] == numbers["poison"]
    assert batch["streamArn"].endswith(f":stream/{reading.name}")
    reading.put("later")
    assert seen(reading, "later")[-1] == "later"


def _waiting(reading: Reading) -> float:
    """Return how many messages the queue's metric says are waiting."""
    now = datetime.now(UTC)
    found = reading.aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": reading.name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return max([each["Maximum"] for each in found["Datapoints"]], default=0.0)


def test_a_batch_that_raises_is_given_up_as_a_whole_and_a_topic_is_told(reading: Reading) -> None:
    topics, queues = reading.aws.client("sns"), reading.aws.client("sqs")
    topic = topics.create_topic(Name=reading.name)["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=reading.queue_arn,
                     Attributes={"RawMessageDelivery": "true"})  # fmt: skip
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage",
                             "Resource": reading.queue_arn}]}  # fmt: skip
    queues.set_queue_attributes(
        QueueUrl=reading.queue_url, Attributes={"Policy": json.dumps(policy)}
    )
    numbers = reading.put("a", "poison", "b", "c")
    reading.read("raise", topic, BatchSize=3, MaximumRetryAttempts=1)
    told = reading.told()
    assert seen(reading, "c") == ["a poison b", "a poison b", "c"]
    assert told["requestContext"]["approximateInvokeCount"] == 2
    assert told["responseContext"]["functionError"] == "Unhandled"
    batch = told["KinesisBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == (
        numbers["a"],
        numbers["b"],
    )


def test_a_destination_that_the_role_may_not_use_holds_nothing_up(reading: Reading) -> None:
    reading.put("poison", "a")
    other = reading.queue_arn.replace(reading.name, "elsewhere")
    reading.read("raise", other, BatchSize=1, MaximumRetryAttempts=0)
    assert seen(reading, "a") == ["poison", "a"]


def test_a_registered_consumer_reads_and_lanes_do_not_wait_for_each_other(
    reading: Reading,
) -> None:
    kinesis = reading.aws.client("kinesis")
    made = kinesis.register_stream_consumer(StreamARN=reading.stream_arn, ConsumerName="fan-out")
    # of two lanes, the keys "0" and "3" are in one, "4" and "5" in the other
    reading.put("poison", "b", "c", "d", keys=["0", "4", "5", "3"])
    reading.read(
        "raise",
        reading.queue_arn,
        source=made["Consumer"]["ConsumerARN"],
        BatchSize=1,
        MaximumRetryAttempts=2,
        ParallelizationFactor=2,
    )
    batches = seen(reading, "d")
    assert sorted(batches) == ["b", "c", "d", *["poison"] * 3]
    assert batches.index("b") < batches.index("c")
    last = max(place for place, each in enumerate(batches) if each == "poison")
    assert batches.index("c") < last < batches.index("d")
    told = reading.told()["KinesisBatchInfo"]
    assert told["streamArn"] == reading.stream_arn


def test_a_stack_registers_consumers_and_streams_on_demand(reading: Reading) -> None:
    stacks, kinesis = reading.aws.cloudformation, reading.aws.client("kinesis")
    name = f"{reading.name}-on-demand"
    template = {
        "Resources": {
            "Stream": {
                "Type": "AWS::Kinesis::Stream",
                "Properties": {"Name": name, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            },
            "Consumer": {
                "Type": "AWS::Kinesis::StreamConsumer",
                "Properties": {
                    "ConsumerName": "fan-out",
                    "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]},
                },
            },
        },
        "Outputs": {
            "Arn": {"Value": {"Ref": "Consumer"}},
            "Status": {"Value": {"Fn::GetAtt": ["Consumer", "ConsumerStatus"]}},
        },
    }
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    found = kinesis.describe_stream_consumer(ConsumerARN=outputs["Arn"])["ConsumerDescription"]
    stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (found["ConsumerName"], outputs["Status"]) == ("fan-out", "ACTIVE")
    assert found["StreamARN"] == stream["StreamARN"]
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["OpenShardCount"] == 4
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_consumer(ConsumerARN=outputs["Arn"])
