"""A table in memory, with the conditions and orders that DynamoDB keeps."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from visionml.aws.table import Item
from visionml.errors import Conflict


class MemoryTable:
    """Stands for ``visionml.aws.table.Table``."""

    def __init__(self, keys: tuple[str, str] = ("PK", "SK")) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.step: Callable[[str], None] = lambda _: None
        """Called before and after each write to one item, with what it is."""
        self._pk, self._sk = keys

    def put(self, item: Item, *, expected: Mapping[str, str | None] | None = None) -> None:
        self.step("put")
        keys = item[self._pk], item[self._sk]
        self._check(self.items.get(keys, {}), expected or {})
        self.items[keys] = copy.deepcopy(item)
        self.step("has put")

    def update(
        self,
        pk: str,
        sk: str,
        *,
        facts: Mapping[str, Any],
        expected: Mapping[str, str | int | None] | None = None,
    ) -> None:
        self.step("update")
        stored = self.items.get((pk, sk), {})
        self._check(stored, {self._pk: pk, **(expected or {})})
        changed = {**stored, **copy.deepcopy(dict(facts))}
        self.items[pk, sk] = {name: value for name, value in changed.items() if value is not None}
        self.step("has updated")

    def delete(self, pk: str, sk: str) -> None:
        self.step("delete")
        self.items.pop((pk, sk), None)
        self.step("has deleted")

    def put_together(
        self, items: Sequence[Item], *, expected: Mapping[str, str] | None = None
    ) -> None:
        self.step("put together")
        for item in items:
            self._check(self.items.get((item[self._pk], item[self._sk]), {}), expected or {})
        for item in items:
            self.items[item[self._pk], item[self._sk]] = copy.deepcopy(item)
        self.step("has put together")

    def put_all(self, items: Iterable[Item]) -> None:
        for item in items:
            self.put(item)

    def put_some(self, items: Sequence[Item]) -> list[Item]:
        self.put_all(items)
        return []

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

    def get_all(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        return {each: copy.deepcopy(self.items[each]) for each in keys if each in self.items}

    def remove_together(self, keys: Sequence[tuple[str, str]], attribute: str) -> None:
        self.step("remove")
        for each in keys:
            self._check(self.items.get(each, {}), {self._pk: each[0]})
        for each in keys:
            self.items[each].pop(attribute, None)
        self.step("has removed")

    def newest(self, pk: str) -> Item | None:
        return next(reversed([*self.query(pk)]), None)

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
        ordered = sorted(self.items.items(), key=lambda each: each[0][::-1], reverse=True)
        wanted = dict([partition, *also.items()])
        found = [
            copy.deepcopy(item)
            for keys, item in ordered
            if between[0] <= keys[1] <= between[1]
            and (after is None or keys[::-1] < after[::-1])
            and all(item.get(name) == value for name, value in wanted.items())
        ]
        last = found[:limit][-1] if len(found) > limit else None
        return found[:limit], (last[self._pk], last[self._sk]) if last else None

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

    def _check(self, stored: Item, expected: Mapping[str, str | int | None]) -> None:
        if any(stored.get(name) != value for name, value in expected.items()):
            raise Conflict("The item is not as expected.")
