"""Topics that people are told on."""

from aws_cdk import Stack
from aws_cdk.aws_iam import Effect, PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct

from visionml.cdk.units.permissions import allow
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class EncryptedTopic(Construct):
    """An encrypted topic, with the subscription that the settings name."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        name: str,
        title: str,
        key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._key = key
        self.topic = Topic(
            self,
            "Topic",
            topic_name=name,
            display_name=title,
            master_key=key,
            enforce_ssl=True,
        )
        if settings.alarms.email is not None:
            self.topic.add_subscription(EmailSubscription(settings.alarms.email))

    def let_announce(self, role: Role) -> None:
        """Allow publishing."""
        allow(role, ["sns:Publish"], [self.topic.topic_arn])
        self._key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")


class Notifications(EncryptedTopic):
    """The topic that alarms and failures are announced on."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        key: IKey,
    ) -> None:
        title = f"{names.prefix} {names.environment}"
        super().__init__(scope, id, settings=settings, name=names.alarm_topic, title=title, key=key)
        # the topic's own policy replaces the default one, under which alarms could publish
        self.topic.add_to_resource_policy(
            PolicyStatement(
                sid="CloudWatchAlarms",
                effect=Effect.ALLOW,
                principals=[ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
