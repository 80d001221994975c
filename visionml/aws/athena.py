"""Queries on Athena: started, waited for, and read in pages."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from visionml.aws.errors import translated
from visionml.errors import AccessDenied, InvalidInput, JobFailed, Unavailable, VisionmlError

_PAGE = 1000
_FIRST_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 2.0
_MISTAKES = (
    "COLUMN_NOT_FOUND",
    "FUNCTION_NOT_FOUND",
    "INVALID_CAST_ARGUMENT",
    "INVALID_FUNCTION_ARGUMENT",
    "INVALID_PARAMETER_USAGE",
    "NOT_SUPPORTED",
    "SCHEMA_NOT_FOUND",
    "SYNTAX_ERROR",
    "TABLE_NOT_FOUND",
    "TYPE_MISMATCH",
)
"""With which a ``StateChangeReason`` begins that the query's author can mend."""
_DENIED = ("PERMISSION_DENIED", "Insufficient permissions", "Access denied", "AccessDenied")

Cell = str | None


@dataclass(frozen=True)
class Answer:
    """What a query answered."""

    query_id: str
    columns: list[tuple[str, str]]
    """Names and Athena's types, such as ``bigint``."""
    rows: list[tuple[Cell, ...]]
    bytes_scanned: int
    seconds: float


class Athena:
    """Asks within one workgroup, about one database."""

    def __init__(
        self,
        client: Any,
        *,
        workgroup: str,
        database: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use a boto3 Athena client."""
        self._client, self._workgroup, self._database = client, workgroup, database
        self._clock, self._sleep = clock, sleep

    def run(
        self, sql: str, parameters: Sequence[str] = (), *, patience_seconds: float = 600
    ) -> Answer:
        """Run a query to its end; `parameters` are literals for its ``?``, as `literal` writes.

        Raises
        ------
        InvalidInput
            The query is wrong, or would read more than the workgroup allows.
        AccessDenied
            The caller may not read what it asks about.
        Unavailable
            It has not ended in time, and was stopped.
        JobFailed
            Athena could not finish it.
        """
        bound: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
        with translated("ask Athena", hint="`visionml query --list` shows the saved queries."):
            started = self._client.start_query_execution(
                QueryString=sql,
                WorkGroup=self._workgroup,
                QueryExecutionContext={"Database": self._database},
                **bound,
            )
        query_id = str(started["QueryExecutionId"])
        ended = self._wait(query_id, patience_seconds)
        if ended["Status"]["State"] != "SUCCEEDED":
            raise _error(ended)
        columns, rows = self._read(query_id)
        figures = ended.get("Statistics") or {}
        return Answer(
            query_id,
            columns,
            rows,
            int(figures.get("DataScannedInBytes", 0)),
            int(figures.get("TotalExecutionTimeInMillis", 0)) / 1000,
        )

    def _wait(self, query_id: str, patience_seconds: float) -> dict[str, Any]:
        until, pause = self._clock() + patience_seconds, _FIRST_LOOK_SECONDS
        while True:
            with translated("look at a query"):
                found = self._client.get_query_execution(QueryExecutionId=query_id)
            execution: dict[str, Any] = found["QueryExecution"]
            if execution["Status"]["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
                return execution
            if self._clock() >= until:
                with translated("stop a query"):
                    self._client.stop_query_execution(QueryExecutionId=query_id)
                raise Unavailable(
                    f"The query has not ended in {patience_seconds:g} seconds and was stopped.",
                    hint="Ask about fewer days: conditions on `date` spare the others.",
                )
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _read(self, query_id: str) -> tuple[list[tuple[str, str]], list[tuple[Cell, ...]]]:
        columns: list[tuple[str, str]] = []
        rows: list[tuple[Cell, ...]] = []
        for number, page in enumerate(self._pages(query_id)):
            if number == 0:
                info = page["ResultSetMetadata"]["ColumnInfo"]
                columns = [(each["Name"], each["Type"]) for each in info]
            cells = [tuple(_cell(each) for each in row["Data"]) for row in page["Rows"]]
            rows += cells[1:] if number == 0 else cells  # the first row is the names
        return columns, rows

    def _pages(self, query_id: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            with translated("read a query's result"):
                found = self._client.get_query_results(
                    QueryExecutionId=query_id, MaxResults=_PAGE, **more
                )
            yield found["ResultSet"]
            if not found.get("NextToken"):
                return
            more = {"NextToken": found["NextToken"]}


def _cell(datum: dict[str, str]) -> Cell:
    return datum.get("VarCharValue")


def _error(execution: dict[str, Any]) -> VisionmlError:
    reason = str(execution["Status"].get("StateChangeReason") or "no reason was given")
    if "Bytes scanned limit" in reason:
        read = int((execution.get("Statistics") or {}).get("DataScannedInBytes", 0))
        return InvalidInput(
            f"The query was stopped after {read:,} bytes: it reads more than a query may.",
            hint="Ask about fewer days by a condition on `date`, or for fewer columns; the limit "
            "is analytics.scanned_bytes_limit.",
        )
    message = f"The query failed: {reason.rstrip('.')}."
    if reason.startswith(_MISTAKES):
        return InvalidInput(message, hint="docs/analytics.md lists tables and columns.")
    if any(each in reason for each in _DENIED):
        return AccessDenied(message)
    return JobFailed(message)
