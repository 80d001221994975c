"""Athena's query executions: started, watched, stopped and read as its API has it."""

import csv
import io
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from visionml.local import ministack
from visionml.local.analytics.engine import Engine, Result, check
from visionml.local.analytics.messages import QueryFailed
from visionml.local.analytics.objects import Objects, Refused, split
from visionml.local.analytics.values import athena_type, column_info, text
from visionml.local.ministack import Query, Session

Document = dict[str, Any]
_LARGEST_QUERY = 262_144
_LARGEST_PAGE = 1000
_AGAIN_SECONDS = 0.05
_KEPT = 1000
"""How many queries are remembered with their results."""
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_ENGINE = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}


class Invalid(Exception):
    """An ``InvalidRequestException``."""

    def __init__(self, message: str, code: str = "INVALID_INPUT") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Execution:
    """One query, from its start."""

    id: str
    scope: tuple[str, str]
    query: str
    parameters: list[str]
    workgroup: str
    database: str
    output: Document
    submitted: float
    engine: Engine
    publishes: bool
    state: str = "QUEUED"
    reason: str = ""
    ended: float | None = None
    result: Result | None = None
    stopped: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Interrupt the query until it has ended: one that has not quite begun hears nothing."""
        while not self.done.wait(_AGAIN_SECONDS):
            self.engine.stop()

    def describe(self) -> Document:
        """Return what GetQueryExecution answers."""
        status: Document = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.ended is not None:
            status["CompletionDateTime"] = self.ended
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1006,
                "Retryable": False,
                "ErrorMessage": self.reason,
            }
        milliseconds = int(((self.ended or time.time()) - self.submitted) * 1000)
        described = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": "DML" if self.result and self.result.columns else "DDL",
            "ResultConfiguration": self.output,
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"},
            "Status": status,
            "Statistics": {
                "DataScannedInBytes": self.engine.bytes_scanned,
                "EngineExecutionTimeInMillis": milliseconds,
                "TotalExecutionTimeInMillis": milliseconds,
            },
            "WorkGroup": self.workgroup,
            "EngineVersion": _ENGINE,
        }
        return described | ({"ExecutionParameters": self.parameters} if self.parameters else {})


class Executions:
    """The queries of this process, newest last."""

    def __init__(self) -> None:
        self._known: dict[str, Execution] = {}
        self._operations: dict[str, Callable[[Document, Session], Document]] = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": lambda asked, _: {"QueryExecution": self._one(asked).describe()},
            "BatchGetQueryExecution": self._several,
            "GetQueryResults": self._results,
            "StopQueryExecution": self._stop,
            "ListQueryExecutions": self._list,
        }

    def wrap(self, before: ministack.ServiceHandler) -> ministack.ServiceHandler:
        """Return Athena's handler, which leaves all but executions to the one before."""

        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
        ) -> tuple[int, dict[str, str], Any]:
            operation = self._operations.get(headers.get("x-amz-target", "").rpartition(".")[2])
            if operation is None:
                return await before(method, path, headers, body, query)
            session = ministack.caller_session(headers, query)
            try:
                return _answer(200, operation(json.loads(body or b"{}"), session))
            except Invalid as error:
                return _answer(
                    400,
                    {
                        "__type": "InvalidRequestException",
                        "Message": str(error),
                        "AthenaErrorCode": error.code,
                    },
                )

        return handle

    def workgroup_of(self, query_id: str) -> str | None:
        """Return the workgroup that a query runs in, None where there is no such query."""
        execution = self._known.get(query_id)
        return execution.workgroup if execution else None

    def _start(self, asked: Document, session: Session) -> Document:
        query = str(asked.get("QueryString", ""))
        if not query.strip() or len(query) > _LARGEST_QUERY:
            raise Invalid(f"The query has to have 1 to {_LARGEST_QUERY} characters.")
        token = asked.get("ClientRequestToken")
        earlier = self._known.get(f"token {token}") if token else None
        if earlier is not None:
            return {"QueryExecutionId": earlier.id}
        execution = self._execution(asked, query, session)
        statement = self._statement(execution)
        for oldest in list(self._known)[: max(0, len(self._known) - _KEPT)]:
            del self._known[oldest]
        self._known[execution.id] = execution
        if token:
            self._known[f"token {token}"] = execution
        ministack.start_thread(
            lambda: self._run(execution, session, statement), name=f"query-{execution.id[:8]}"
        )
        return {"QueryExecutionId": execution.id}

    def _statement(self, execution: Execution) -> bool:
        """Check a query before it is begun; tell whether it creates or drops a table."""
        first = execution.query.split(None, 1)[0].upper()
        if first in ("CREATE", "DROP"):
            return True
        try:
            check(execution.query)
        except QueryFailed as error:
            raise Invalid(str(error), "MALFORMED_QUERY") from None
        return False

    def _execution(self, asked: Document, query: str, session: Session) -> Execution:
        name = str(asked.get("WorkGroup") or "primary")
        group = ministack.workgroup(name)
        if group is None:
            raise Invalid(f"WorkGroup {name} is not found.")
        if group.get("State") == "DISABLED":
            raise Invalid(f"WorkGroup {name} is disabled.")
        settings = group.get("Configuration") or {}
        of_group = settings.get("ResultConfiguration") or {}
        enforced = str(settings.get("EnforceWorkGroupConfiguration", "")).lower() == "true"
        output = of_group if enforced else {**of_group, **(asked.get("ResultConfiguration") or {})}
        place = output.get("OutputLocation")
        if not place:
            raise Invalid(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        limit = settings.get("BytesScannedCutoffPerQuery")
        database = str((asked.get("QueryExecutionContext") or {}).get("Database") or "default")
        made = str(uuid.uuid4())
        return Execution(
            made,
            (ministack.account(), ministack.region()),
            query,
            [str(each) for each in asked.get("ExecutionParameters") or []],
            name,
            database,
            {**output, "OutputLocation": f"{place.rstrip('/')}/{made}.csv"},
            time.time(),
            Engine(session, database=database, limit=int(limit) if limit else None),
            str(settings.get("PublishCloudWatchMetricsEnabled", "")).lower() == "true",
        )

    def _run(self, execution: Execution, session: Session, creates: bool) -> None:
        execution.state = "RUNNING"
        try:
            if creates:
                execution.result = _define(execution, session)
            else:
                execution.result = execution.engine.run(execution.query, execution.parameters)
            _store(execution, session)
            state, reason = "SUCCEEDED", ""
        except QueryFailed as error:
            state, reason = ("CANCELLED" if error.cancelled else "FAILED"), str(error)
        except Exception as error:  # noqa: BLE001 - the query ends, whatever it was
            state, reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {error}"
        if execution.stopped:
            state, reason = "CANCELLED", "Query cancelled by user"
        execution.ended, execution.reason = time.time(), reason
        execution.state = state
        _measure(execution)
        execution.done.set()

    def _one(self, asked: Document) -> Execution:
        name = str(asked.get("QueryExecutionId", ""))
        found = self._known.get(name)
        if found is None or found.scope != (ministack.account(), ministack.region()):
            raise Invalid(f"QueryExecution {name} was not found")
        return found

    def _several(self, asked: Document, _session: Session) -> Document:
        found, missing = [], []
        for name in asked.get("QueryExecutionIds") or []:
            try:
                found.append(self._one({"QueryExecutionId": name}).describe())
            except Invalid as error:
                missing.append({"QueryExecutionId": name, "ErrorMessage": str(error)})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def _list(self, asked: Document, _session: Session) -> Document:
        name = asked.get("WorkGroup") or "primary"
        scope = (ministack.account(), ministack.region())
        mine = [
            each.id
            for key, each in reversed(self._known.items())
            if each.workgroup == name and each.scope == scope and key == each.id
        ]
        start, size = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or 50)
        more = {"NextToken": str(start + size)} if start + size < len(mine) else {}
        return {"QueryExecutionIds": mine[start : start + size], **more}

    def _stop(self, asked: Document, _session: Session) -> Document:
        execution = self._one(asked)
        if execution.state not in _ENDED:
            execution.stopped = True
            ministack.start_thread(execution.stop, name=f"stop-{execution.id[:8]}")
        return {}

    def _results(self, asked: Document, session: Session) -> Document:
        execution = self._one(asked)
        size = int(asked.get("MaxResults") or _LARGEST_PAGE)
        if not 1 <= size <= _LARGEST_PAGE:
            raise Invalid(f"MaxResults is more than maximum allowed length {_LARGEST_PAGE}.")
        if execution.state != "SUCCEEDED" or execution.result is None:
            raise Invalid(
                f"Query did not finish successfully. Final query state: {execution.state}"
                if execution.state in _ENDED
                else f"Query has not yet finished. Current state: {execution.state}",
                "INVALID_QUERY_EXECUTION_STATE",
            )
        bucket, key = split(execution.output["OutputLocation"])
        refusal = ministack.denial(
            session.access_key_id, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"
        )
        if refusal:
            raise Invalid(f"Access denied when reading the result: {refusal}")
        return _page(execution.result, int(asked.get("NextToken") or 0), size)


def _page(result: Result, start: int, size: int) -> Document:
    """Return some rows; the first of all is the names of the columns."""
    names = [[name for name, _kind in result.columns]] if result.columns else []
    lines: list[Any] = [*names, *result.rows]
    rows = [
        {"Data": [{} if each is None else {"VarCharValue": text(each)} for each in line]}
        for line in lines[start : start + size]
    ]
    info = [column_info(name, kind) for name, kind in result.columns]
    page: Document = {
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}},
        "UpdateCount": 0,
    }
    return page | ({"NextToken": str(start + size)} if start + size < len(lines) else {})


def _define(execution: Execution, session: Session) -> Result:
    """Create or drop a table, as the caller may."""
    place = f"arn:aws:glue:{ministack.region()}:{ministack.account()}"
    verb = "Delete" if execution.query.split(None, 1)[0].upper() == "DROP" else "Create"
    refusal = ministack.denial(
        session.access_key_id, f"glue:{verb}Table", f"{place}:database/{execution.database}"
    )
    if refusal:
        raise QueryFailed(f"Insufficient permissions to execute the query. {refusal}")
    try:
        if not ministack.run_table_statement(execution.query, execution.database):
            raise QueryFailed("NOT_SUPPORTED: Queries of this type are not supported here.")
    except ValueError as error:
        raise QueryFailed(f"FAILED: {error}") from None
    return Result([], [])


def _store(execution: Execution, session: Session) -> None:
    """Write the result where the configuration says, as the caller and with its encryption."""
    result = execution.result
    if result is None:
        return
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if result.columns:
        writer.writerow([name for name, _kind in result.columns])
    for row in result.rows:
        writer.writerow(["" if each is None else text(each) for each in row])
    headers = {"content-type": "application/octet-stream"}
    encryption = execution.output.get("EncryptionConfiguration") or {}
    match encryption.get("EncryptionOption"):
        case "SSE_KMS":
            headers["x-amz-server-side-encryption"] = "aws:kms"
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = str(encryption["KmsKey"])
        case "SSE_S3":
            headers["x-amz-server-side-encryption"] = "AES256"
    where = execution.output["OutputLocation"]
    try:
        Objects(session).write(where, written.getvalue().encode(), headers)
    except Refused as error:
        raise QueryFailed(f"Access denied when writing output to url: {where}. {error}") from None


def _measure(execution: Execution) -> None:
    """Publish what the query took, where the workgroup asks for it."""
    if not execution.publishes or execution.ended is None:
        return
    kind = "DML" if execution.result and execution.result.columns else "DDL"
    dimensions = [
        {"Name": "QueryState", "Value": execution.state},
        {"Name": "QueryType", "Value": kind},
        {"Name": "WorkGroup", "Value": execution.workgroup},
    ]
    figures = {
        "ProcessedBytes": (float(execution.engine.bytes_scanned), "Bytes"),
        "TotalExecutionTime": (
            (execution.ended - execution.submitted) * 1000,
            "Milliseconds",
        ),
    }
    ministack.put_metric_data(
        "AWS/Athena",
        [
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit}
            for name, (value, unit) in figures.items()
        ],
    )


def _answer(status: int, document: Document) -> tuple[int, dict[str, str], Any]:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return status, headers, json.dumps(document).encode()


__all__ = ["Execution", "Executions", "Invalid", "athena_type"]
