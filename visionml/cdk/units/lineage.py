"""The table that links datasets, runs, models and deployments."""

from aws_cdk.aws_dynamodb import Attribute, AttributeType, StreamViewType
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.permissions import allow
from visionml.cdk.units.table import KEY_ACTIONS, keyed_table
from visionml.contracts.lineage import STATUS_INDEX
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


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
        self.table = keyed_table(
            self,
            name=names.lineage_table,
            logical_id="LineageTable",
            key=key,
            settings=settings,
            stream=StreamViewType.NEW_AND_OLD_IMAGES,
        )
        self.table.add_global_secondary_index(
            index_name=STATUS_INDEX,
            partition_key=Attribute(name="status", type=AttributeType.STRING),
            sort_key=Attribute(name="timestamp", type=AttributeType.STRING),
        )

    def let_record(self, role: Role) -> None:
        """Allow reading and writing single items: no query, index, scan or deletion."""
        allow(role, ["dynamodb:GetItem", "dynamodb:PutItem"], [self.table.table_arn])
        self._key.grant(role, *KEY_ACTIONS)

    def let_read(self, role: Role) -> None:
        """Allow reading nodes, their edges, and the nodes of a status."""
        table = self.table.table_arn
        allow(role, ["dynamodb:GetItem"], [table])
        allow(role, ["dynamodb:Query"], [table, f"{table}/index/{STATUS_INDEX}"])
        self._key.grant(role, "kms:Decrypt")
