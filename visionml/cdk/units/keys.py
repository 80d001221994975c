"""The customer-managed keys, one for each kind of data."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import CfnKey, Key
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class Keys(Construct):
    """Keys that rotate every year: a grant on one kind of data opens no other."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, names: Names) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._settings, self._names = settings, names
        self.images = self._key("Images", "original images and the datasets made from them")
        self.models = self._key("Models", "model artefacts and the volumes of jobs and endpoints")
        self.records = self._key("Records", "the lineage table and prediction results")
        self.operations = self._key("Operations", "log groups and notifications")
        self.originals = self._key("Originals", "what redaction has hidden in images")
        self._let_logs_encrypt()
        self._let_alarms_notify()
        self._let_events_be_queued()

    def _key(self, kind: str, holds: str) -> Key:
        key = Key(
            self,
            kind,
            alias=f"alias/{self._names.name(kind.lower())}",
            description=f"Encrypts {holds} of {self._names.prefix} {self._names.environment}.",
            enable_key_rotation=True,
            removal_policy=removal_policy(self._settings),
            pending_window=Duration.days(30 if self._settings.retain_data else 7),
        )
        cfn = key.node.default_child
        assert isinstance(cfn, CfnKey)  # noqa: S101 - narrows the type
        cfn.override_logical_id(f"{kind}Key")
        return key

    def _let_logs_encrypt(self) -> None:
        stack = Stack.of(self)
        groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
        self.operations.add_to_resource_policy(
            PolicyStatement(
                sid="CloudWatchLogs",
                principals=[ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
                resources=["*"],  # in a key's own policy this is the key
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _let_alarms_notify(self) -> None:
        self.operations.add_to_resource_policy(
            PolicyStatement(
                sid="CloudWatchAlarms",
                principals=[ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],  # in a key's own policy this is the key
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )

    def _let_events_be_queued(self) -> None:
        self.images.add_to_resource_policy(
            PolicyStatement(
                sid="EventBridge",
                principals=[ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy this is the key
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
