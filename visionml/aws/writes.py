"""Many items of one DynamoDB table, without what boto3 does for those who write few.

Of what the resource takes for an item, half is checking and copying what is made here alone.
"""

from collections.abc import Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.aws.table import Item, plain, stored


class Writes:
    """Writes items, from several threads; floats are stored as by `visionml.aws.table.Table`."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name = name
        self._client = aws.client("dynamodb", parameter_validation=False)
        self._serialised = TypeSerializer().serialize
        self._deserialised = TypeDeserializer().deserialize

    def put_some(self, items: Sequence[Item]) -> list[Item]:
        """Write up to 25 items of different keys, each on its own; return those left over.

        A busy table leaves some over, which are to be written again after a while.

        Raises
        ------
        Unavailable
            The table is too busy to write any.
        """
        writes: Any = [{"PutRequest": {"Item": self._low(item)}} for item in items]
        with translated(f"write to the table {self.name}"):
            answer = self._client.batch_write_item(RequestItems={self.name: writes})
        left = answer.get("UnprocessedItems", {}).get(self.name, [])
        return [self._high(each["PutRequest"]["Item"]) for each in left]

    def _low(self, item: Item) -> dict[str, Any]:
        return {name: self._serialised(value) for name, value in stored(item).items()}

    def _high(self, item: dict[str, Any]) -> Item:
        return {name: plain(self._deserialised(value)) for name, value in item.items()}
