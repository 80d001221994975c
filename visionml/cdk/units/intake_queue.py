"""The queue of uploads that intake has to look at, and that of those it could not deal with."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sqs import DeadLetterQueue, Queue, QueueEncryption
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.permissions import allow, arn
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

_KEPT_DAYS = 14  # the longest that a queue keeps a message
_TAKING = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
)


class IntakeQueue(Construct):
    """``queue`` holds S3's events, from the rule that names gives; ``failures`` where they end."""

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
        self.failures = self._queue("Failures", names.failed_intake_queue)
        self.queue = self._queue(
            "Uploads",
            names.intake_queue,
            visibility_timeout=Duration.seconds(settings.intake.hidden_seconds),
            dead_letter_queue=DeadLetterQueue(
                queue=self.failures, max_receive_count=settings.intake.attempts
            ),
        )
        acknowledge(
            self.failures,
            {"AwsSolutions-SQS3": "It is where failures end; people read it, no function."},
        )

    def _queue(self, kind: str, name: str, **more: object) -> Queue:
        queue = Queue(
            self,
            kind,
            queue_name=name,
            encryption=QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=Duration.days(_KEPT_DAYS),
            removal_policy=removal_policy(self._settings),
            **more,  # type: ignore[arg-type]
        )
        stack = Stack.of(self)
        rule = f"rule/{self._names.intake_rule}"
        queue.add_to_resource_policy(
            PolicyStatement(
                sid="EventBridge",
                principals=[ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={
                    "ArnEquals": {
                        "aws:SourceArn": (
                            f"arn:{stack.partition}:events:{stack.region}:{stack.account}:{rule}"
                        )
                    }
                },
            )
        )
        return queue

    def let_take(self, role: Role) -> None:
        """Allow what Lambda does to hand messages to a function."""
        allow(role, _TAKING, [arn(role, "sqs", self._names.intake_queue)])
        self._key.grant(role, "kms:Decrypt")
