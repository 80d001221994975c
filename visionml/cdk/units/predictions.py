"""The table of predictions that somebody asked for and will collect."""

from aws_cdk.aws_dynamodb import (
    Attribute,
    AttributeType,
    BillingMode,
    CfnTable,
    PointInTimeRecoverySpecification,
    Table,
    TableEncryption,
)
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.lineage import KEY_ACTIONS
from visionml.cdk.units.permissions import allow
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class Predictions(Construct):
    """Items under PK and SK; DynamoDB deletes each when its time in ``expires`` has come."""

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
        self._key = key
        self.table = Table(
            self,
            "Table",
            table_name=names.predictions_table,
            partition_key=Attribute(name="PK", type=AttributeType.STRING),
            sort_key=Attribute(name="SK", type=AttributeType.STRING),
            billing_mode=BillingMode.PAY_PER_REQUEST,
            encryption=TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=settings.retain_data,
            removal_policy=removal_policy(settings),
        )
        cfn = self.table.node.default_child
        assert isinstance(cfn, CfnTable)  # noqa: S101 - narrows the type
        cfn.override_logical_id("PredictionsTable")

    def let(self, role: Role, *actions: str) -> None:
        """Allow operations on single items, such as ``GetItem``."""
        allow(role, [f"dynamodb:{action}" for action in actions], [self.table.table_arn])
        self._key.grant(role, *KEY_ACTIONS)
