"""The JSONPath that Batch Transform's filters know: names, indexes, slices, and unions of them.

There is no descent (``..``), no wildcard, no script and no condition.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

_NAME = re.compile(r"\.([A-Za-z_][\w-]*)")
_BRACKET = re.compile(r"\[([^\]]*)\]")
_QUOTED = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\")\s*")
_INDEX = re.compile(r"\s*(-?\d+)\s*")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*")

Step = Callable[[Any], Any]


class BadPath(ValueError):
    """An expression is none of these."""


class Absent(LookupError):
    """A document does not have what an expression selects."""


def compiled(expression: str) -> Step:
    """Return the function that selects what an expression names.

    Several names keep an object an object of these; several indexes, and slices, keep an array.

    Raises
    ------
    BadPath
        It is no such expression. The function raises `Absent`.
    """
    if not expression.startswith("$"):
        raise BadPath(expression)
    steps = list(_steps(expression))

    def select(document: Any) -> Any:
        for step in steps:
            document = step(document)
        return document

    return select


def _steps(expression: str) -> Iterator[Step]:
    position = 1
    while position < len(expression):
        if found := _NAME.match(expression, position):
            yield _child(found[1])
        elif found := _BRACKET.match(expression, position):
            yield _bracket(found[1], expression)
        else:
            raise BadPath(expression)
        position = found.end()


def _bracket(inside: str, expression: str) -> Step:
    parts = inside.split(",")
    names = [_QUOTED.fullmatch(part) for part in parts]
    if all(names):
        words = [each[1] if each[1] is not None else each[2] for each in names if each]
        return _child(words[0]) if len(words) == 1 else _children(words)
    if len(parts) == 1 and (index := _INDEX.fullmatch(inside)):
        return _item(int(index[1]))
    return _items([_picker(part, expression) for part in parts])


def _picker(part: str, expression: str) -> Callable[[list[Any]], list[Any]]:
    if index := _INDEX.fullmatch(part):
        one = _item(int(index[1]))
        return lambda values: [one(values)]
    if found := _SLICE.fullmatch(part):
        bounds = slice(*(int(bound) if bound else None for bound in found.groups()))
        return lambda values: values[bounds]
    raise BadPath(expression)


def _child(name: str) -> Step:
    def select(document: Any) -> Any:
        if not isinstance(document, dict) or name not in document:
            raise Absent(name)
        return document[name]

    return select


def _children(names: list[str]) -> Step:
    return lambda document: {name: _child(name)(document) for name in names}


def _item(index: int) -> Step:
    def select(document: Any) -> Any:
        try:
            return _array(document)[index]
        except IndexError:
            raise Absent(str(index)) from None

    return select


def _items(pickers: list[Callable[[list[Any]], list[Any]]]) -> Step:
    return lambda document: [value for pick in pickers for value in pick(_array(document))]


def _array(document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise Absent("an array")
    return document
