"""A table in memory, with the conditions and orders that DynamoDB keeps."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from visionml.aws.table import Item
from visionml.errors import Conflict


class MemoryTable:
    """Stands for ``visionml.aws.table.Table``."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def put(self, item: Item, *, expected: Mapping[str, str | None] | None = None) -> None:
        stored = self.items.get((item["PK"], item["SK"]), {})
        if any(stored.get(name) != value for name, value in (expected or {}).items()):
            raise Conflict(f"{item['PK']} is not as expected.")
        self.items[item["PK"], item["SK"]] = copy.deepcopy(item)

    def put_together(self, items: Sequence[Item]) -> None:
        for item in items:
            self.put(item)

    def put_all(self, items: Iterable[Item]) -> None:
        for item in items:
            self.put(item)

    def put_and_count(
        self, item: Item, *, counter: Item, numbers: Mapping[str, int], facts: Mapping[str, Any]
    ) -> None:
        self.put(item, expected={"PK": None})
        counted = self.items.setdefault((counter["PK"], counter["SK"]), dict(counter))
        for name, number in numbers.items():
            counted[name] = counted.get(name, 0) + number
        counted.update(facts)

    def get(self, pk: str, sk: str) -> Item | None:
        return copy.deepcopy(self.items.get((pk, sk)))

    def query(self, pk: str, *, sk_prefix: str = "") -> Iterator[Item]:
        for (partition, sort), item in sorted(self.items.items()):
            if partition == pk and sort.startswith(sk_prefix):
                yield copy.deepcopy(item)

    def query_index(
        self, index: str, *, partition: tuple[str, str], newest_first: bool = True
    ) -> Iterator[Item]:
        name, value = partition
        found = [item for item in self.items.values() if item.get(name) == value]
        for item in sorted(found, key=lambda item: str(item["timestamp"]), reverse=newest_first):
            yield copy.deepcopy(item)
