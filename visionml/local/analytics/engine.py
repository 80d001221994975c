"""Queries on DuckDB: tables of the catalog become views, and Trino's functions macros.

A view is a branch for each partition with the partition's values as constants, so that a
condition on them keeps whole partitions from being opened.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from visionml.local import ministack
from visionml.local.analytics.messages import QueryFailed, failure, parse_failure
from visionml.local.analytics.objects import Objects, Refused
from visionml.local.analytics.scanning import SCHEME, Files, LimitExceeded, Scan
from visionml.local.analytics.tables import CatalogTable, Part, TableUnfit

MACROS = (
    "approx_distinct(x) AS count(DISTINCT x)",
    "approx_percentile(x, p) AS quantile_cont(x, p)",
    "date_add(unit, n, t) AS t + n * CAST('1 ' || unit AS INTERVAL)",
    "date_format(t, form) AS strftime(t, replace(form, '%i', '%M'))",
    "from_iso8601_timestamp(t) AS CAST(t AS TIMESTAMPTZ)",
    "from_iso8601_date(t) AS CAST(t AS DATE)",
    "json_extract_scalar(j, p) AS json_extract_string(j, p)",
    "regexp_like(s, p) AS regexp_matches(s, p)",
    "sequence(a, b) AS generate_series(a, b)",
    "to_unixtime(t) AS epoch(t)",
    "width_bucket(x, lo, hi, n) AS CASE WHEN x < lo THEN 0 WHEN x >= hi THEN n + 1"
    " ELSE CAST(floor((x - lo) * n / (hi - lo)) AS BIGINT) + 1 END",
)
_SETTINGS = (
    "SET threads = 2",
    "SET TimeZone = 'UTC'",
    "SET integer_division = true",
    "SET autoinstall_known_extensions = false",
    f"SET allowed_directories = ['{SCHEME}://']",
    "SET enable_external_access = false",
)


@dataclass(frozen=True)
class Result:
    """What a query answered."""

    columns: list[tuple[str, str]]
    """Names, and types as DuckDB has them."""
    rows: list[tuple[Any, ...]]


def check(query: str) -> None:
    """Refuse what is no query.

    Raises
    ------
    QueryFailed
        Its text cannot be read, is several statements, or one of a kind that is not served here.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise parse_failure(error, query) from None
    if len(statements) != 1:
        raise QueryFailed("Only one sql statement is allowed.", started=False)
    if statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailed("NOT_SUPPORTED: Queries of this type are not supported.", started=False)


@dataclass(frozen=True)
class Reference:
    """A table that a query names; without a database it is that of the query's context."""

    database: str
    table: str
    position: int


def references(connection: duckdb.DuckDBPyConnection, query: str) -> list[Reference]:
    """Return the tables that a query reads, each once."""
    (row,) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    tables: dict[tuple[str, str], int] = {}
    inner: set[str] = set()
    waiting: list[Any] = [json.loads(row[0])]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                name = (node["schema_name"].lower(), node["table_name"].lower())
                tables.setdefault(name, int(node["query_location"]))
            if "cte_map" in node:
                inner |= {str(each["key"]).lower() for each in node["cte_map"]["map"]}
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return [
        Reference(database, table, position)
        for (database, table), position in sorted(tables.items())
        if database or table not in inner
    ]


class Engine:
    """One query, with its caller's rights."""

    def __init__(self, session: ministack.Session, *, database: str, limit: int | None) -> None:
        self._session, self._database = session, database
        self._objects = Objects(session)
        self.scan = Scan(self._objects, limit=limit)
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def bytes_scanned(self) -> int:
        """How much was read so far."""
        return self.scan.bytes_scanned

    def stop(self) -> None:
        """Interrupt the query."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(duckdb.Error):  # it has just been closed
                connection.interrupt()

    def run(self, query: str, parameters: Sequence[str]) -> Result:
        """Run a query; `parameters` are literals such as ``'2026-11-20'``, for its ``?``.

        Raises
        ------
        QueryFailed
            It cannot be run, or may not be.
        """
        with self._connected() as connection:
            try:
                for reference in references(connection, query):
                    self._add(connection, reference, query)
                values = [_value(connection, each) for each in parameters]
                done = connection.execute(query, values)
                columns = [(each[0], str(each[1])) for each in done.description or []]
                return Result(columns, done.fetchall())
            except (duckdb.Error, OSError) as error:
                raise self._failed(error, query) from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect(":memory:")
        try:
            connection.register_filesystem(Files(self.scan))
            connection.execute("ATTACH ':memory:' AS awsdatacatalog")
            connection.execute("USE awsdatacatalog")
            for macro in MACROS:
                connection.execute(f"CREATE MACRO {macro}")
            for setting in _SETTINGS:
                connection.execute(setting)
            self._connection = connection
            yield connection
        finally:
            self._connection = None
            connection.close()

    def _failed(self, error: Exception, query: str) -> QueryFailed:
        why = self.scan.error
        if isinstance(why, LimitExceeded):
            return QueryFailed("Bytes scanned limit was exceeded", cancelled=True)
        if isinstance(why, Refused):
            return QueryFailed(f"PERMISSION_DENIED: {why}")
        return failure(error, query)

    def _add(self, connection: duckdb.DuckDBPyConnection, named: Reference, query: str) -> None:
        """Make a view of a table that a query names."""
        database = named.database or self._database
        record = self._record(database, named, query)
        try:
            found = CatalogTable(record)
            branches = [self._branch(found, part) for part in found.parts(self._objects)]
        except Refused as error:
            raise QueryFailed(f"PERMISSION_DENIED: {error}") from None
        except TableUnfit as error:
            raise QueryFailed(str(error)) from None
        body = " UNION ALL ".join(branches or [_empty(found)])
        schema = f"{_quoted(database)}." if named.database else ""
        if schema:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}")
        connection.execute(f"CREATE VIEW {schema}{_quoted(named.table)} AS {body}")

    def _record(self, database: str, named: Reference, query: str) -> dict[str, Any]:
        table = named.table
        place = f"arn:aws:glue:{ministack.region()}:{ministack.account()}"
        for action, resource in (
            ("glue:GetDatabase", f"database/{database}"),
            ("glue:GetTable", f"table/{database}/{table}"),
            ("glue:GetPartitions", f"table/{database}/{table}"),
        ):
            refusal = ministack.denial(self._session.access_key_id, action, f"{place}:{resource}")
            if refusal:
                raise QueryFailed(f"Insufficient permissions to execute the query. {refusal}")
        if ministack.glue_database(database) is None:
            raise QueryFailed.at(
                query,
                named.position,
                f"SCHEMA_NOT_FOUND: {{at}}: Schema '{database}' does not exist",
            )
        record = ministack.glue_table(database, table)
        if record is None:
            raise QueryFailed.at(
                query,
                named.position,
                f"TABLE_NOT_FOUND: {{at}}: Table 'awsdatacatalog.{database}.{table}' "
                "does not exist",
            )
        return record

    def _branch(self, table: CatalogTable, part: Part) -> str:
        files = ", ".join(_text(self.scan.name(each)) for each in part.files)
        types = [(name, ministack.duckdb_type(kind)) for name, kind in table.columns]
        constants = [
            f"CAST({_text(value)} AS {ministack.duckdb_type(kind)}) AS {_quoted(name)}"
            for (name, kind), value in zip(table.keys, part.values, strict=True)
        ]
        columns = [_quoted(name) for name, _kind in types]
        shown = ", ".join([*columns, *constants])
        source = _reader(table, f"[{files}]", types)
        return f"SELECT {shown} FROM {source}"  # noqa: S608 - names and values are quoted


def _reader(table: CatalogTable, files: str, types: Sequence[tuple[str, str]]) -> str:
    kinds = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in types)
    match table.form:
        case "parquet":
            schema = ", ".join(
                f"{_text(name)}: {{'name': {_text(name)}, 'type': {_text(kind)},"
                " 'default_value': NULL}"
                for name, kind in types
            )
            return f"read_parquet({files}, schema = MAP {{{schema}}})"
        case "json":
            return (
                f"read_json({files}, format = 'newline_delimited', columns = {{{kinds}}},"
                " hive_partitioning = false)"
            )
        case "csv":
            skip = int(table.parameters.get("skip.header.line.count", "0"))
            mark = table.serde.get("separatorChar") or table.serde.get("field.delim") or ","
            return (
                f"read_csv({files}, auto_detect = false, columns = {{{kinds}}}, skip = {skip},"
                f" header = false, delim = {_text(mark)}, quote = '\"', escape = '\"',"
                " hive_partitioning = false)"
            )
    raise TableUnfit(f"NOT_SUPPORTED: tables of {table.form} files are not read here.")


def _empty(table: CatalogTable) -> str:
    nothing = ", ".join(
        f"CAST(NULL AS {ministack.duckdb_type(kind)}) AS {_quoted(name)}"
        for name, kind in (*table.columns, *table.keys)
    )
    return f"SELECT {nothing} WHERE false"


def _value(connection: duckdb.DuckDBPyConnection, literal: str) -> Any:
    """Return the value of a literal; an expression on a table is none."""
    try:
        (row,) = connection.execute(f"SELECT ({literal})").fetchall()
    except duckdb.Error:
        raise QueryFailed(
            f"SYNTAX_ERROR: {literal[:100]!r} is no value; text stands in single quotes."
        ) from None
    return row[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
