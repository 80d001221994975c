"""Parameters, types and errors of queries, without Athena."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from visionml.aws.athena import Answer, Athena
from visionml.cli.query import parameters
from visionml.contracts.queries import QUERIES
from visionml.desks.queries import bound, frame, literal, positional, saved
from visionml.errors import AccessDenied, InvalidInput, JobFailed, NotFound, Unavailable

TODAY = date(2026, 11, 20)


class FakeAthena:
    """Ends every query as it is told, after some looks."""

    def __init__(self, state: str = "SUCCEEDED", reason: str = "", *, looks: int = 2) -> None:
        self.state, self.reason, self.looks = state, reason, looks
        self.asked: dict[str, Any] = {}
        self.stopped: list[str] = []

    def start_query_execution(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, *, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        self.looks -= 1
        state = self.state if self.looks < 0 else "RUNNING"
        return {
            "QueryExecution": {
                "Status": {"State": state, "StateChangeReason": self.reason},
                "Statistics": {"DataScannedInBytes": 12, "TotalExecutionTimeInMillis": 1500},
            }
        }

    def stop_query_execution(self, *, QueryExecutionId: str) -> None:  # noqa: N803
        self.stopped.append(QueryExecutionId)

    def get_query_results(self, *, NextToken: str = "0", **_asked: Any) -> dict[str, Any]:  # noqa: N803
        pages: list[list[str | None]] = [["n", "1"], ["2", None], ["3"]]
        rows = [
            {"Data": [{} if cell is None else {"VarCharValue": cell}]}
            for cell in pages[int(NextToken)]
        ]
        info = [{"Name": "n", "Type": "bigint"}]
        found: dict[str, Any] = {
            "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}
        }
        more = {"NextToken": str(int(NextToken) + 1)} if NextToken != "2" else {}
        return found | more


def asking(client: FakeAthena) -> Athena:
    moments = iter(range(10_000))
    return Athena(
        client,
        workgroup="w",
        database="d",
        clock=lambda: float(next(moments)),
        sleep=lambda _seconds: None,
    )


def test_an_answer_is_read_from_all_pages_without_the_names() -> None:
    client = FakeAthena()
    answer = asking(client).run("SELECT ?", ["'x'"])

    assert [row[0] for row in answer.rows] == ["1", "2", None, "3"]
    assert (answer.bytes_scanned, answer.seconds) == (12, 1.5)
    assert client.asked["ExecutionParameters"] == ["'x'"]
    assert client.asked["WorkGroup"] == "w"


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved", InvalidInput),
        ("FAILED", "PERMISSION_DENIED: no", AccessDenied),
        ("FAILED", "GENERIC_INTERNAL_ERROR: boom", JobFailed),
        ("CANCELLED", "Bytes scanned limit was exceeded", InvalidInput),
    ],
)
def test_the_reason_of_a_failure_chooses_the_error(
    state: str, reason: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        asking(FakeAthena(state, reason)).run("SELECT 1")


def test_a_query_over_the_limit_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="condition on `date`"):
        asking(FakeAthena("CANCELLED", "Bytes scanned limit was exceeded")).run("SELECT 1")


def test_a_query_that_does_not_end_is_stopped() -> None:
    client = FakeAthena(looks=1000)
    with pytest.raises(Unavailable, match="was stopped"):
        asking(client).run("SELECT 1", patience_seconds=5)
    assert client.stopped == ["q"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("it's", "'it''s'"),
        ("' OR 1=1 --", "''' OR 1=1 --'"),
        (7, "7"),
        (True, "true"),
        (0.5, "0.5e0"),
        (1e-9, "1e-09"),
        (date(2026, 1, 2), "'2026-01-02'"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "timestamp '2026-01-02 03:00:00.000000'"),
    ],
)
def test_a_value_becomes_one_literal(value: Any, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize("value", [None, [1], float("nan"), b"x"])
def test_what_is_no_value_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        literal(value)


def test_names_in_text_and_comments_are_no_parameters() -> None:
    sql = """SELECT ':a', ":a" -- :a
             /* :a */ FROM t WHERE x = :a AND y = :b AND z = :a"""
    written, values = positional(sql, {"a": 1, "b": "2"})

    assert written.count("?") == 3
    assert values == ["1", "'2'", "1"]
    with pytest.raises(InvalidInput, match=":a has no value"):
        positional("SELECT :a", {})
    with pytest.raises(InvalidInput, match="Unknown parameters"):
        positional("SELECT 1", {"a": 1})


def test_parameters_of_saved_queries_have_defaults_and_kinds() -> None:
    query = saved("label_shift")

    assert bound(query, {}, today=TODAY) == [
        "'2026-11-14'",
        "'2026-11-20'",
        *["'2026-11-14'"] * 4,
    ]
    assert bound(query, {"start": "2026-11-01"}, today=TODAY)[0] == "'2026-11-01'"
    with pytest.raises(InvalidInput, match="has to be a day"):
        bound(query, {"start": "1 or 1=1"}, today=TODAY)
    with pytest.raises(InvalidInput, match="whole number"):
        bound(saved("slowest_images"), {"top": "many"}, today=TODAY)
    with pytest.raises(InvalidInput, match="Unknown parameters"):
        bound(query, {"day": 1}, today=TODAY)
    with pytest.raises(NotFound, match="There are: answers_by_day"):
        saved("nosuch")


def test_parameters_stand_in_conditions_alone() -> None:
    """As Athena demands; the last WHERE before each ``?`` has not been left again."""
    for query in QUERIES:
        for mark in re.finditer(r"\?", query.sql):
            _before, where, condition = query.sql[: mark.start()].upper().rpartition("WHERE")
            left = [word for word in ("GROUP BY", "ORDER BY", "SELECT") if word in condition]
            assert where, query.name
            assert left == [], query.name


def test_columns_have_the_types_that_athena_names() -> None:
    columns = [
        ("whole", "bigint"),
        ("part", "double"),
        ("flag", "boolean"),
        ("day", "date"),
        ("moment", "timestamp with time zone"),
        ("text", "varchar"),
    ]
    rows: list[tuple[str | None, ...]] = [
        ("9007199254740993", "0.5", "true", "2026-01-02", "2026-01-02 03:04:05.678 UTC", "x"),
        (None, None, None, None, None, None),
    ]
    made = frame(Answer("q", columns, rows, 10, 0.5))

    assert [str(kind) for kind in made.dtypes] == [
        "Int64",
        "float64",
        "boolean",
        "datetime64[ns]",
        "datetime64[ns, UTC]",
        "object",
    ]
    assert made["whole"][0] == 9007199254740993
    assert made["moment"][0] == pd.Timestamp("2026-01-02T03:04:05.678Z")
    assert made.loc[1].isna().all()
    assert made.attrs == {"bytes_scanned": 10, "seconds": 0.5, "query_id": "q"}


def test_the_command_line_tells_text_from_numbers() -> None:
    assert parameters(["a=1", "b:=1", "c:=0.5", "d=x=y"]) == {
        "a": "1",
        "b": 1,
        "c": 0.5,
        "d": "x=y",
    }
    for wrong in ("a", "1=2", "n:=x"):
        with pytest.raises(InvalidInput):
            parameters([wrong])
