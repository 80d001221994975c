"""The table of predictions that somebody asked for and will collect."""

from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.permissions import allow
from visionml.cdk.units.table import KEY_ACTIONS, keyed_table
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class Predictions(Construct):
    """Items under PK and SK; DynamoDB deletes each when its time in ``expirationTime`` has come."""

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
            name=names.predictions_table,
            logical_id="PredictionsTable",
            key=key,
            settings=settings,
            time_to_live_attribute="expirationTime",
        )

    def let(self, role: Role, *actions: str) -> None:
        """Allow operations on single items, such as ``GetItem``."""
        allow(role, [f"dynamodb:{action}" for action in actions], [self.table.table_arn])
        self._key.grant(role, *KEY_ACTIONS)
