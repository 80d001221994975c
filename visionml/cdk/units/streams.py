"""Kinesis streams: their size, their key, and who may write to them."""

import math

from aws_cdk import Duration
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kinesis import CfnStream, Stream, StreamEncryption, StreamMode
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sqs import Queue, QueueEncryption
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.permissions import allow, arn
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

SHARD_KILOBYTES_PER_SECOND = 1000
"""What a shard takes: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html."""
_DAY_SECONDS = 86_400
_KEPT_HOURS = 24
_FAILURES_DAYS = 14  # the longest that a queue keeps a message
_READING = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)


def shards(settings: Settings) -> int:
    """Return how many shards take a day's predictions, spread evenly."""
    kilobytes = settings.predictions_per_day * settings.stream.record_kilobytes
    needed = math.ceil(kilobytes / _DAY_SECONDS / SHARD_KILOBYTES_PER_SECOND)
    return max(settings.stream.minimum_shards, needed)


class Streams(Construct):
    """``events`` tells of every answer; ``requests`` asks for predictions that are collected.

    ``failures`` is told where in ``requests`` those lie that Lambda has given up.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names, self._key = settings, names, key
        self.events = self._stream("Events", names.events_stream)
        self.requests = self._stream("Requests", names.requests_stream)
        self.failures = self._failures()

    def _stream(self, kind: str, name: str) -> Stream:
        on_demand = self._settings.stream.mode == "on_demand"
        stream = Stream(
            self,
            kind,
            stream_name=name,
            stream_mode=StreamMode.ON_DEMAND if on_demand else StreamMode.PROVISIONED,
            shard_count=None if on_demand else shards(self._settings),
            retention_period=Duration.hours(_KEPT_HOURS),
            encryption=StreamEncryption.KMS,
            encryption_key=self._key,
            removal_policy=removal_policy(self._settings),
        )
        cfn = stream.node.default_child
        assert isinstance(cfn, CfnStream)  # noqa: S101 - narrows the type
        cfn.override_logical_id(f"{kind}Stream")
        acknowledge(
            stream, {"AwsSolutions-KDS3": "A key of the platform's own says who may read records."}
        )
        return stream

    def _failures(self) -> Queue:
        queue = Queue(
            self,
            "Failures",
            queue_name=self._names.failed_requests_queue,
            encryption=QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=Duration.days(_FAILURES_DAYS),
            removal_policy=removal_policy(self._settings),
        )
        acknowledge(
            queue, {"AwsSolutions-SQS3": "It is where failures end; people read it, no function."}
        )
        return queue

    def let_tell_of_failures(self, role: Role) -> None:
        """Allow what Lambda does to tell of records that it gave up."""
        queue = arn(role, "sqs", self._names.failed_requests_queue)
        allow(role, ["sqs:SendMessage"], [queue])
        self._key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")

    def let_read(self, role: Role, name: str) -> None:
        """Allow what Lambda does to hand a stream's records to a function."""
        allow(role, _READING, [arn(role, "kinesis", f"stream/{name}")])
        self._key.grant(role, "kms:Decrypt")

    def let_subscribe(self, role: Role, name: str, consumer: str) -> None:
        """Allow what Lambda does besides where it reads as a registered consumer."""
        of_name = arn(role, "kinesis", f"stream/{name}/consumer/{consumer}:*")
        allow(
            role,
            ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"],
            [of_name],
            because="A consumer's ARN ends with the second in which it was registered.",
        )

    def let_write(self, role: Role, name: str, *, together: bool = False) -> None:
        """Allow appending records to the stream of that name, one by one or `together`."""
        action = "kinesis:PutRecords" if together else "kinesis:PutRecord"
        allow(role, [action], [arn(role, "kinesis", f"stream/{name}")])
        self._key.grant(role, "kms:GenerateDataKey")
