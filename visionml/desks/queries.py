"""Questions to the analytics tables: saved queries by name, or SQL of one's own."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from visionml.aws.athena import Answer, Athena, Cell
from visionml.contracts.queries import QUERIES, Parameter, SavedQuery
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput, NotFound

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PIECES = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|:(?P<name>[A-Za-z_]\w*)", re.DOTALL
)
_WHOLE = {"tinyint", "smallint", "integer", "bigint"}
_FRACTIONS = {"float", "real", "double", "decimal"}


class Queries:
    """The saved queries, and the way to ask."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def _repr_html_(self) -> str:
        return str(self.table().to_html())

    def table(self) -> pd.DataFrame:
        """Return the saved queries: name, title, what they tell, and their parameters."""
        rows = [
            (each.name, each.title, each.about, ", ".join(map(_shown, each.distinct)))
            for each in QUERIES
        ]
        columns = pd.Index(["name", "title", "about", "parameters"])
        return pd.DataFrame(rows, columns=columns).set_index("name")

    def sql(self, name: str) -> str:
        """Return a saved query's SQL, to start from.

        Raises
        ------
        NotFound
            There is no saved query of that name.
        """
        return saved(name).sql

    def run(self, query: str, /, **parameters: Any) -> pd.DataFrame:
        """Ask a saved query by its name, or SQL with parameters as ``:name``.

        Values are bound by Athena and never become part of the SQL. The table's ``attrs`` tell
        ``bytes_scanned``, ``seconds`` and ``query_id``.

        Raises
        ------
        NotFound
            There is no saved query of that name.
        InvalidInput
            A parameter is missing, unknown or unfit, or the query is wrong or reads too much.
        AccessDenied
            The caller may not read what it asks about.
        """
        if _NAME.fullmatch(query.strip()):
            chosen = saved(query.strip())
            sql, values = chosen.sql, bound(chosen, parameters)
        else:
            sql, values = positional(query, parameters)
        names = self._platform.names
        athena = Athena(
            self._platform.aws.client("athena"),
            workgroup=names.analytics_workgroup,
            database=names.analytics_database,
        )
        return frame(athena.run(sql, values))


def saved(name: str) -> SavedQuery:
    """Return the saved query of a name.

    Raises
    ------
    NotFound
        There is none.
    """
    for each in QUERIES:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in QUERIES)
    raise NotFound(f"There is no saved query {name!r}.", hint=f"There are: {known}.")


def bound(query: SavedQuery, given: Mapping[str, Any], *, today: date | None = None) -> list[str]:
    """Return the literals of a saved query's parameters, in the order of its ``?``.

    Raises
    ------
    InvalidInput
        One is missing, unknown, or not of its kind.
    """
    known = {each.name for each in query.parameters}
    _refuse_unknown(set(given) - known, known, query.name)
    return [
        literal(_value(each, given, today or datetime.now(UTC).date())) for each in query.parameters
    ]


def positional(sql: str, given: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return SQL with ``?`` for each ``:name``, and the literals in their order.

    Raises
    ------
    InvalidInput
        A name has no value, or a value no name.
    """
    values: list[str] = []
    used: set[str] = set()

    def place(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in given:
            raise InvalidInput(
                f"The query's parameter :{name} has no value.", hint=f"Give {name}=..."
            )
        used.add(name)
        values.append(literal(given[name]))
        return "?"

    written = _PIECES.sub(place, sql)
    _refuse_unknown(set(given) - used, used, "the query")
    return written, values


def literal(value: Any) -> str:
    """Return a value as Athena takes it for a parameter: text in quotes, numbers bare.

    Raises
    ------
    InvalidInput
        It is none of text, number, truth value, day and moment.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value!r}e0" if "e" not in repr(value) else repr(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return f"timestamp '{moment:%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise InvalidInput(
        f"{value!r} cannot be a query's parameter.", hint="Give text, numbers or days."
    )


def frame(answer: Answer) -> pd.DataFrame:
    """Return an answer as a table whose columns have the types that Athena names."""
    columns = {
        name: _typed([row[at] for row in answer.rows], kind)
        for at, (name, kind) in enumerate(answer.columns)
    }
    made = pd.DataFrame(columns)
    made.attrs |= {
        "bytes_scanned": answer.bytes_scanned,
        "seconds": answer.seconds,
        "query_id": answer.query_id,
    }
    return made


def _typed(cells: Sequence[Cell], kind: str) -> "pd.Series[Any]":
    if kind in _WHOLE:
        return pd.Series([None if each is None else int(each) for each in cells], dtype="Int64")
    if kind in _FRACTIONS:
        return pd.Series([None if each is None else float(each) for each in cells], dtype="float64")
    if kind == "boolean":
        known = [None if each is None else each == "true" for each in cells]
        return pd.Series(known, dtype="boolean")
    text = pd.Series(list(cells), dtype="object")
    if kind in {"date", "timestamp"}:
        return pd.to_datetime(text)
    if kind == "timestamp with time zone":
        return pd.to_datetime(text.str.removesuffix(" UTC"), utc=True)
    return text


def _value(parameter: Parameter, given: Mapping[str, Any], today: date) -> Any:
    if parameter.name not in given:
        if parameter.default is None:
            raise InvalidInput(
                f"The parameter {parameter.name} has to be given: {parameter.about}",
                hint=f"Add {parameter.name}=..., or --param {parameter.name}=... .",
            )
        days = timedelta(days=parameter.default)
        return today - days if parameter.kind == "date" else parameter.default
    value = given[parameter.name]
    try:
        if parameter.kind == "integer":
            return int(value)
        if isinstance(value, datetime):
            return value.date()
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        wanted = "a whole number" if parameter.kind == "integer" else "a day such as 2026-11-20"
        raise InvalidInput(f"{parameter.name} is {value!r}, and has to be {wanted}.") from None


def _refuse_unknown(unknown: set[str], known: set[str], whose: str) -> None:
    if unknown:
        raise InvalidInput(
            f"Unknown parameters of {whose}: {', '.join(sorted(unknown))}.",
            hint=f"Known: {', '.join(sorted(known)) or 'none'}.",
        )


def _shown(parameter: Parameter) -> str:
    if parameter.default is None:
        return f"{parameter.name} ({parameter.kind})"
    if parameter.kind == "integer":
        return f"{parameter.name} = {parameter.default}"
    return f"{parameter.name} = {f'{parameter.default} days ago' if parameter.default else 'today'}"
