"""Values of templates, whose parameters are all strings, as an operation takes them."""

from collections.abc import Callable
from typing import Any


def coerced(shape: Any, value: Any) -> Any:
    """Return a template's value with the types of a botocore shape; what does not fit stays."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = shape.members
        return {
            name: coerced(members[name], item) if name in members else item
            for name, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [coerced(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {name: coerced(shape.value, item) for name, item in value.items()}
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return str(value).lower()
    if kind not in _FROM_TEXT or not isinstance(value, str):
        return value
    try:
        return _FROM_TEXT[kind](value)
    except (ValueError, KeyError):  # the operation refuses it with its own words
        return value


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}
