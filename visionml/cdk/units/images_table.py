"""The table of the images that intake has seen."""

from aws_cdk.aws_dynamodb import (
    Attribute,
    AttributeType,
    StreamViewType,
)
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.permissions import allow
from visionml.cdk.units.table import KEY_ACTIONS, keyed_table
from visionml.contracts.images import HASH_INDEX, LABEL_INDEX, STATUS_INDEX, USER_INDEX
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

_INDEXES = {
    STATUS_INDEX: "ProcessingStatus",
    USER_INDEX: "UserID",
    LABEL_INDEX: "DetectedAnimal",
    HASH_INDEX: "UploadHash",
}
_TIME = "Timestamp"


class ImagesTable(Construct):
    """One item an image, which DynamoDB deletes at ``Expires``; its indexes list by time."""

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
            name=names.images_table,
            logical_id="ImagesTable",
            key=key,
            settings=settings,
            keys=("ImageID", _TIME),
            stream=StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute="Expires",
        )
        for index, attribute in _INDEXES.items():
            self.table.add_global_secondary_index(
                index_name=index,
                partition_key=Attribute(name=attribute, type=AttributeType.STRING),
                sort_key=Attribute(name=_TIME, type=AttributeType.STRING),
            )

    def let(self, role: Role, *actions: str) -> None:
        """Allow operations on single items, such as ``PutItem``, or on those of one image."""
        allow(role, [f"dynamodb:{action}" for action in actions], [self.table.table_arn])
        self._key.grant(role, *KEY_ACTIONS)

    def let_list(self, role: Role) -> None:
        """Allow reading single items and listing them by every index."""
        table = self.table.table_arn
        indexes = [f"{table}/index/{index}" for index in _INDEXES]
        allow(role, ["dynamodb:GetItem"], [table])
        allow(role, ["dynamodb:Query"], [table, *indexes])
        self._key.grant(role, "kms:Decrypt")
