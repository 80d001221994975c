"""The table that links datasets, runs, models and deployments."""

from aws_cdk.aws_dynamodb import (
    Attribute,
    AttributeType,
    BillingMode,
    CfnTable,
    PointInTimeRecoverySpecification,
    StreamViewType,
    Table,
    TableEncryption,
)
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.permissions import allow
from visionml.contracts.lineage import STATUS_INDEX
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

KEY_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What DynamoDB does with a table's key in the name of who uses the table."""


class Lineage(Construct):
    """Nodes and edges under PK and SK; ``StatusIndex`` lists nodes of a status by time."""

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
            table_name=names.lineage_table,
            partition_key=Attribute(name="PK", type=AttributeType.STRING),
            sort_key=Attribute(name="SK", type=AttributeType.STRING),
            billing_mode=BillingMode.PAY_PER_REQUEST,
            encryption=TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=StreamViewType.NEW_AND_OLD_IMAGES,
            deletion_protection=settings.retain_data,
            removal_policy=removal_policy(settings),
        )
        self.table.add_global_secondary_index(
            index_name=STATUS_INDEX,
            partition_key=Attribute(name="status", type=AttributeType.STRING),
            sort_key=Attribute(name="timestamp", type=AttributeType.STRING),
        )
        cfn = self.table.node.default_child
        assert isinstance(cfn, CfnTable)  # noqa: S101 - narrows the type
        cfn.override_logical_id("LineageTable")

    def let_record(self, role: Role) -> None:
        """Allow reading and writing single items: no query, index, scan or deletion."""
        allow(role, ["dynamodb:GetItem", "dynamodb:PutItem"], [self.table.table_arn])
        self._key.grant(role, *KEY_ACTIONS)

    def let_read(self, role: Role) -> None:
        """Allow reading nodes, their edges, and the nodes of a status."""
        table = self.table.table_arn
        allow(
            role,
            ["dynamodb:GetItem", "dynamodb:Query"],
            [table, f"{table}/index/{STATUS_INDEX}"],
        )
        self._key.grant(role, "kms:Decrypt")
