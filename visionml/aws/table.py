"""One DynamoDB table, in Python's own types."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from visionml.aws.errors import translated
from visionml.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource

Item = dict[str, Any]

_READ_AT_ONCE = 200
_READS_A_PAGE = 10
_GOT_AT_ONCE = 100
_LEFT_OVER = 5  # times that a table may leave keys over


class Table:
    """Reads and writes items; floats are stored as the decimal numbers they print as."""

    def __init__(
        self,
        resource: "DynamoDBServiceResource",
        name: str,
        *,
        keys: tuple[str, str] = ("PK", "SK"),
    ) -> None:
        """Take the attributes of the partition key and of the sort key."""
        self.name = name
        self._pk, self._sk = keys
        self._table = resource.Table(name)

    def put(self, item: Item, *, expected: Mapping[str, str | None] | None = None) -> None:
        """Write an item, replacing one of the same keys.

        `expected` names attributes that the stored item must have with these values, or must
        not have where the value is None. ``{"PK": None}`` writes only a new item.

        Raises
        ------
        Conflict
            The stored item is not as expected.
        """
        condition = _condition(expected or {})
        options: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
        with translated(f"write {item[self._pk]} to the table {self.name}"):
            self._table.put_item(Item=stored(item), **options)

    def put_together(
        self, items: Sequence[Item], *, expected: Mapping[str, str] | None = None
    ) -> None:
        """Write up to 100 items of 4 MB together, all or none.

        `expected` names attributes that every stored item must have, with these values.

        Raises
        ------
        Conflict
            One of them is not as expected, or is written by somebody else right now.
        """
        condition: dict[str, Any] = {}
        if expected:
            condition = {
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in expected),
                "ExpressionAttributeNames": {f"#{name}": name for name in expected},
                "ExpressionAttributeValues": {f":{name}": expected[name] for name in expected},
            }
        writes: list[Any] = [
            {"Put": {"TableName": self.name, "Item": stored(item), **condition}} for item in items
        ]
        with translated(f"write {len(items)} items to the table {self.name}"):
            self._table.meta.client.transact_write_items(TransactItems=writes)

    def put_all(self, items: Iterable[Item]) -> None:
        """Write items in as few calls as can be, each on its own; of equal keys the last stays."""
        with (
            translated(f"write to the table {self.name}"),
            self._table.batch_writer(overwrite_by_pkeys=[self._pk, self._sk]) as batch,
        ):
            for item in items:
                batch.put_item(Item=stored(item))

    def put_and_count(
        self, item: Item, *, counter: Item, numbers: Mapping[str, int], facts: Mapping[str, Any]
    ) -> None:
        """Write a new item, and in another one add to numbers and set facts: both or neither.

        Raises
        ------
        Conflict
            The item exists, or somebody else writes one of the two right now.
        """
        names = {f"#{name}": name for name in (*numbers, *facts)}
        values = stored({f":{name}": value for name, value in {**numbers, **facts}.items()})
        added = ", ".join(f"#{name} :{name}" for name in numbers)
        set_ = ", ".join(f"#{name} = :{name}" for name in facts)
        writes: list[Any] = [
            {
                "Put": {
                    "TableName": self.name,
                    "Item": stored(item),
                    "ConditionExpression": f"attribute_not_exists({self._pk})",
                }
            },
            {
                "Update": {
                    "TableName": self.name,
                    "Key": counter,
                    "UpdateExpression": f"ADD {added} SET {set_}",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                }
            },
        ]
        with translated(f"write {item[self._pk]} to the table {self.name}"):
            self._table.meta.client.transact_write_items(TransactItems=writes)

    def update(
        self,
        pk: str,
        sk: str,
        *,
        facts: Mapping[str, Any],
        expected: Mapping[str, str | int | None] | None = None,
    ) -> None:
        """Set attributes of a stored item, and remove those whose value is None.

        Raises
        ------
        Conflict
            There is no such item, or it is not as `expected`, which is read as in `put`.
        """
        names = {f"#{name}": name for name in facts}
        values = {f":{name}": value for name, value in facts.items() if value is not None}
        set_ = ", ".join(f"#{name} = :{name}" for name in facts if f":{name}" in values)
        gone = ", ".join(f"#{name}" for name in facts if f":{name}" not in values)
        parts = [f"SET {set_}" if set_ else "", f"REMOVE {gone}" if gone else ""]
        options: dict[str, Any] = {"ExpressionAttributeValues": stored(values)} if values else {}
        condition = _condition(expected or {})
        there: ConditionBase = Attr(self._pk).exists()
        with translated(f"change {pk} in the table {self.name}"):
            self._table.update_item(
                Key=self._key(pk, sk),
                UpdateExpression=" ".join(filter(None, parts)),
                ConditionExpression=there if condition is None else there & condition,
                ExpressionAttributeNames=names,
                **options,
            )

    def delete(self, pk: str, sk: str) -> None:
        """Delete an item; one that is gone already is no error."""
        with translated(f"delete {pk} from the table {self.name}"):
            self._table.delete_item(Key=self._key(pk, sk))

    def get(self, pk: str, sk: str) -> Item | None:
        """Return one item as last written, or None."""
        with translated(f"read {pk} from the table {self.name}"):
            found = self._table.get_item(Key=self._key(pk, sk), ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None

    def get_all(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Return the items of these keys that there are, as last written, in few calls.

        Raises
        ------
        Unavailable
            The table is throttled.
        """
        wanted = [self._key(*each) for each in dict.fromkeys(keys)]
        found: dict[tuple[str, str], Item] = {}
        attempts = 0
        while wanted:
            asked: Any = {self.name: {"Keys": wanted[:_GOT_AT_ONCE], "ConsistentRead": True}}
            with translated(f"read the table {self.name}"):
                page = self._table.meta.client.batch_get_item(RequestItems=asked)
            for item in map(plain, page["Responses"].get(self.name, [])):
                found[str(item[self._pk]), str(item[self._sk])] = item
            unprocessed: Any = page.get("UnprocessedKeys", {})
            left = unprocessed.get(self.name, {}).get("Keys", [])
            attempts += bool(left)
            if attempts > _LEFT_OVER:
                raise Unavailable(f"The table {self.name} is throttled.")
            wanted = [*left, *wanted[_GOT_AT_ONCE:]]
        return found

    def remove_together(self, keys: Sequence[tuple[str, str]], attribute: str) -> None:
        """Remove an attribute from up to 100 items, all or none.

        Raises
        ------
        Conflict
            One of them is not there, or is written by somebody else right now.
        """
        writes: list[Any] = [
            {
                "Update": {
                    "TableName": self.name,
                    "Key": self._key(*each),
                    "UpdateExpression": "REMOVE #attribute",
                    "ConditionExpression": f"attribute_exists({self._pk})",
                    "ExpressionAttributeNames": {"#attribute": attribute},
                }
            }
            for each in keys
        ]
        with translated(f"change {len(keys)} items of the table {self.name}"):
            self._table.meta.client.transact_write_items(TransactItems=writes)

    def query(self, pk: str, *, sk_prefix: str = "") -> Iterator[Item]:
        """Yield the items of one partition whose sort key starts with `sk_prefix`, in order."""
        condition: ConditionBase = Key(self._pk).eq(pk)
        if sk_prefix:
            condition &= Key(self._sk).begins_with(sk_prefix)
        yield from self._pages(KeyConditionExpression=condition, ConsistentRead=True)

    def newest(self, pk: str) -> Item | None:
        """Return the last item of a partition, as last written, or None."""
        with translated(f"read {pk} from the table {self.name}"):
            found = self._table.query(
                KeyConditionExpression=Key(self._pk).eq(pk),
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=1,
            )
        return next(map(plain, found["Items"]), None)

    def page(
        self,
        index: str,
        *,
        partition: tuple[str, str],
        between: tuple[str, str],
        also: Mapping[str, str],
        limit: int,
        after: tuple[str, str] | None = None,
    ) -> tuple[list[Item], tuple[str, str] | None]:
        """Return items of one partition of an index that shares the table's sort key, newest first.

        Parameters
        ----------
        between
            The first and the last value of the sort key.
        also
            What other attributes must be. Items that are not so are read and paid for too, so a
            page may be shorter than `limit`, even empty, and not be the last.
        after
            Both keys of the item to go on behind: what the page before was returned with.

        Returns
        -------
        tuple
            The items, and where to go on; None at the end.
        """
        attribute, value = partition
        options: dict[str, Any] = {}
        condition = _condition(also)
        if condition is not None:
            options["FilterExpression"] = condition
        items: list[Item] = []
        for _ in range(_READS_A_PAGE):
            if after is not None:
                options["ExclusiveStartKey"] = {**self._key(*after), attribute: value}
            with translated(f"query the table {self.name}"):
                found = self._table.query(
                    IndexName=index,
                    KeyConditionExpression=Key(attribute).eq(value)
                    & Key(self._sk).between(*between),
                    ScanIndexForward=False,
                    Limit=_READ_AT_ONCE if also else limit + 1 - len(items),
                    **options,
                )
            items += map(plain, found["Items"])
            if len(items) > limit:
                last = items[limit - 1]
                return items[:limit], (last[self._pk], last[self._sk])
            reached = found.get("LastEvaluatedKey")
            after = (str(reached[self._pk]), str(reached[self._sk])) if reached else None
            if after is None:
                break
        return items, after

    def query_index(
        self, index: str, *, partition: tuple[str, str], newest_first: bool = True
    ) -> Iterator[Item]:
        """Yield the items of one partition, an attribute and its value, of a global index."""
        attribute, value = partition
        yield from self._pages(
            IndexName=index,
            KeyConditionExpression=Key(attribute).eq(value),
            ScanIndexForward=not newest_first,
        )

    def _key(self, pk: str, sk: str) -> dict[str, Any]:
        return {self._pk: pk, self._sk: sk}

    def _pages(self, **query: Any) -> Iterator[Item]:
        while True:
            with translated(f"query the table {self.name}"):
                page = self._table.query(**query)
            yield from map(plain, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _condition(expected: Mapping[str, str | int | None]) -> ConditionBase | None:
    condition: ConditionBase | None = None
    for name, value in expected.items():
        term = Attr(name).not_exists() if value is None else Attr(name).eq(value)
        condition = term if condition is None else condition & term
    return condition


def stored(item: Item) -> Item:
    """Turn floats into Decimal, which is what the DynamoDB resource takes."""
    stored: Item = json.loads(json.dumps(item, allow_nan=False), parse_float=Decimal)
    return stored


def plain(value: Any) -> Any:
    """Turn Decimal back into int or float, at any depth."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
