"""Types and values as Athena's results have them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

_TYPES = {
    "BIGINT": ("bigint", 19),
    "BOOLEAN": ("boolean", 0),
    "DATE": ("date", 0),
    "DOUBLE": ("double", 17),
    "FLOAT": ("float", 17),
    "HUGEINT": ("bigint", 19),
    "INTEGER": ("integer", 10),
    "SMALLINT": ("smallint", 5),
    "TIMESTAMP": ("timestamp", 3),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 3),
    "TINYINT": ("tinyint", 3),
    "UBIGINT": ("bigint", 19),
    "UINTEGER": ("bigint", 19),
}


def athena_type(kind: str) -> tuple[str, int, int]:
    """Return name, precision and scale of the type that DuckDB calls `kind`."""
    if kind.endswith("[]"):
        return "array", 0, 0
    for start, name in {"MAP(": "map", "STRUCT(": "row"}.items():
        if kind.startswith(start):
            return name, 0, 0
    if kind.startswith("DECIMAL("):
        precision, scale = kind[8:-1].split(",")
        return "decimal", int(precision), int(scale)
    simple, digits = _TYPES.get(kind, ("varchar", 2_147_483_647))
    return simple, digits, 0


def column_info(name: str, kind: str) -> dict[str, Any]:
    """Return how GetQueryResults tells of a column."""
    athena, precision, scale = athena_type(kind)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": athena,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": athena == "varchar",
    }


def text(value: Any) -> str:
    """Return a value as a result has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        shown = f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
        return f"{shown} UTC" if value.tzinfo else shown
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inner, value)) + "]"
    return str(value)


def _inner(value: Any) -> str:
    return "null" if value is None else text(value)
