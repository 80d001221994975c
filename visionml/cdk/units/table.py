"""DynamoDB tables, as every table of the platform is."""

from typing import Any

from aws_cdk.aws_dynamodb import (
    Attribute,
    AttributeType,
    BillingMode,
    CfnTable,
    PointInTimeRecoverySpecification,
    Table,
    TableEncryption,
)
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
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


def keyed_table(
    scope: Construct,
    *,
    name: str,
    logical_id: str,
    key: IKey,
    settings: Settings,
    keys: tuple[str, str] = ("PK", "SK"),
    **more: Any,
) -> Table:
    """Return a table on demand, encrypted, with recovery; its logical id is pinned.

    `keys` are the attributes that items lie under.
    """
    partition, sort = keys
    table = Table(
        scope,
        "Table",
        table_name=name,
        partition_key=Attribute(name=partition, type=AttributeType.STRING),
        sort_key=Attribute(name=sort, type=AttributeType.STRING),
        billing_mode=BillingMode.PAY_PER_REQUEST,
        encryption=TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=settings.retain_data,
        removal_policy=removal_policy(settings),
        **more,
    )
    cfn = table.node.default_child
    assert isinstance(cfn, CfnTable)  # noqa: S101 - narrows the type
    cfn.override_logical_id(logical_id)
    return table
