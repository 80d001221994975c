# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Athena, Glue and Firehose: their stores, and where their work is done by others."""

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import athena, firehose, glue

from visionml.local.internals.services import ServiceHandler

Document = dict[str, Any]
Deliver = Callable[[Document, Document, Sequence[tuple[str, bytes]]], None]
"""Takes a delivery stream, its destination, and records as pairs of id and content."""


def wrap_service(name: str, wrap: Callable[[ServiceHandler], ServiceHandler]) -> None:
    """Have a service's requests answered by a handler that knows the one before."""
    app.SERVICE_HANDLERS[name] = wrap(app.SERVICE_HANDLERS[name])


def workgroup(name: str) -> Document | None:
    """Return an Athena workgroup with its ``Configuration``, or None."""
    athena._ensure_default_workgroup()
    found: Document | None = athena._workgroups.get(name)
    return found


def name_workgroups_of_queries(workgroup_of: Callable[[str], str | None]) -> None:
    """Let policies ask for the workgroup of a query that a request names by its id."""
    known = iam_actions.extract_resource_arn

    @functools.wraps(known)
    def wrapped(service: str, *rest: Any) -> str:
        resource = str(known(service, *rest))
        if service != "athena" or resource != "*":
            return resource
        try:
            asked = json.loads(rest[3])
        except ValueError:
            return resource
        name = workgroup_of(str(asked.get("QueryExecutionId", "")))
        return f"arn:aws:athena:{rest[5]}:{rest[6]}:workgroup/{name}" if name else resource

    iam_actions.extract_resource_arn = wrapped


def run_table_statement(query: str, database: str) -> bool:
    """Create or drop a table if that is what a query says, and tell whether it was.

    Raises
    ------
    ValueError
        It cannot be done.
    """
    statement = athena._parse_ddl(query)
    if statement is None:
        return False
    athena._run_ddl(statement, database)
    return True


def create_named_query(properties: Mapping[str, Any]) -> str:
    """Keep a saved query, and return its id."""
    before = set(athena._named_queries.keys())
    athena._create_named_query(dict(properties))
    (made,) = set(athena._named_queries.keys()) - before
    return str(made)


def delete_named_query(query_id: str) -> None:
    """Forget a saved query."""
    athena._delete_named_query({"NamedQueryId": query_id})


def glue_database(name: str) -> Document | None:
    """Return a database of the catalog, or None."""
    found: Document | None = glue._databases.get(name)
    return found


def glue_table(database: str, name: str) -> Document | None:
    """Return a table of the catalog, or None."""
    found: Document | None = glue._tables.get(f"{database}/{name}")
    return found


def glue_partitions(database: str, table: str) -> list[Document]:
    """Return the partitions that are registered for a table."""
    return list(glue._partitions.get(f"{database}/{table}") or [])


def put_glue_table(database: str, table: Mapping[str, Any]) -> bool:
    """Create a table, or update the one of that name; return whether it is new."""
    data = {"DatabaseName": database, "TableInput": dict(table)}
    if glue_table(database, str(table["Name"])) is None:
        glue._create_table(data)
        return True
    glue._update_table(data)
    return False


def add_glue_partitions(database: str, table: str, partitions: Sequence[Document]) -> None:
    """Register partitions; those that are known stay as they are."""
    glue._batch_create_partition(
        {"DatabaseName": database, "TableName": table, "PartitionInputList": list(partitions)}
    )


def glue_crawler(name: str) -> Document | None:
    """Return a crawler's record, which may be changed, or None."""
    found: Document | None = glue._crawlers.get(name)
    return found


def deliver_records_with(deliver: Deliver) -> None:
    """Have what delivery streams take for S3 handed to a function instead of written at once."""

    def handed(stream: Document, destination: Document, records: list[tuple[str, bytes]]) -> None:
        destination["records"].clear()  # kept for nobody otherwise, and for ever
        deliver(stream, destination, records)

    firehose._deliver_records_to_s3 = handed


def delivery_stream_exists(name: str) -> bool:
    """Tell whether a delivery stream has not been deleted."""
    return name in firehose._streams


def transformed(
    stream: Document, destination: Document, records: Sequence[tuple[str, bytes]]
) -> list[bytes]:
    """Return records as the destination's Lambda processors make them."""
    made = firehose._apply_lambda_processors(stream, destination, list(records))
    return [content for _id, content in made]


def delivery_prefix(template: str, *, error_type: str | None = None) -> str:
    """Evaluate an S3 prefix with expressions such as ``!{timestamp:yyyy}``, as of now."""
    return str(firehose._evaluate_prefix(template, time.gmtime(), error_type=error_type))


def duckdb_type(glue_type: str) -> str:
    """Return the type by which DuckDB knows a type of the catalog, nested ones included."""
    return str(firehose._hive_to_duckdb_type(glue_type))
