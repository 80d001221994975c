"""What the embedded Athena, crawlers and Firehose decide by themselves."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from visionml.local.analytics import engine, firehose, messages, values
from visionml.local.analytics.crawler import hive_type, schema
from visionml.local.analytics.firehose import Buffer, Unfit
from visionml.local.analytics.messages import QueryFailed
from visionml.local.analytics.objects import Found
from visionml.local.analytics.tables import CatalogTable, TableUnfit

NOW = datetime.now(UTC)


class Listed:
    """Stands for S3: the objects of one bucket."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def below(self, _uri: str) -> Any:
        return (Found("b", key, 1) for key in self.keys)


def table(**projection: str) -> CatalogTable:
    keys = sorted({name.split("__")[0] for name in projection if "__" in name})
    return CatalogTable(
        {
            "Name": "t",
            "DatabaseName": "d",
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "Parameters": {
                "projection.enabled": "true",
                **{f"projection.{k.replace('__', '.')}": v for k, v in projection.items()},
            },
            "StorageDescriptor": {"Location": "s3://b/t", "Columns": []},
        }
    )


def parts(of: CatalogTable, *keys: str) -> list[tuple[str, ...]]:
    return [part.values for part in of.parts(Listed(*keys))]  # type: ignore[arg-type]


def test_dates_are_projected_within_their_range_alone() -> None:
    today, early, late = ((NOW + timedelta(days=days)).date().isoformat() for days in (0, -8, 2))
    dated = table(date__type="date", date__format="yyyy-MM-dd", date__range="NOW-7DAYS,NOW+1DAYS")
    keys = [f"t/date={day}/a" for day in (early, today, late, "no-day")]

    assert parts(dated, *keys, f"t/{today}/a", "t/a") == [(today,)]


def test_enums_and_integers_are_projected() -> None:
    both = table(kind__type="enum", kind__values="a, b", year__type="integer", year__range="1,3")
    keys = [f"t/kind={kind}/year={year}/f" for kind in "abc" for year in (0, 1, 3, 4)]

    assert parts(both, *keys) == [("a", "1"), ("a", "3"), ("b", "1"), ("b", "3")]


def test_a_projection_that_is_not_followed_is_refused() -> None:
    with pytest.raises(TableUnfit, match="injected"):
        parts(table(model__type="injected"), "t/model=x/f")


def test_a_hyphenated_location_is_no_pattern() -> None:
    dated = table(day__type="integer", day__range="1,9")
    assert parts(dated, "tx/day=1/a", "t/day=1/a") == [("1",)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("INTEGER", "int"),
        ("VARCHAR", "string"),
        ("DOUBLE[]", "array<double>"),
        ("MAP(VARCHAR, DOUBLE)", "map<string,double>"),
        ("STRUCT(a INTEGER, b STRUCT(c VARCHAR[]))", "struct<a:int,b:struct<c:array<string>>>"),
        ('STRUCT("a b" INTEGER)', "struct<a b:int>"),
        ("DECIMAL(5,2)", "decimal(5,2)"),
    ],
)
def test_a_crawler_names_types_as_the_catalog_does(kind: str, name: str) -> None:
    assert hive_type(kind) == name


def test_a_crawler_gathers_the_columns_of_all_files() -> None:
    columns, more = schema("csv", [b"a,b\n1,x\n", b"a,c\n2,0.5\n"])

    assert [(each["Name"], each["Type"]) for each in columns] == [
        ("a", "bigint"),
        ("b", "string"),
        ("c", "double"),
    ]
    assert more["skip.header.line.count"] == "1"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (0.5, "0.5"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC).replace(tzinfo=None),
            "2026-01-02 03:04:05.678",
        ),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00.000 UTC"),
        ({"a": 1, "b": None}, "{a=1, b=null}"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_values_are_shown_as_athena_does(value: Any, shown: str) -> None:
    assert values.text(value) == shown


def test_types_are_named_as_athena_does() -> None:
    kinds = ("HUGEINT", "VARCHAR", "DECIMAL(5,2)", "DOUBLE[]", "MAP(VARCHAR, DOUBLE)")
    named = [values.athena_type(kind)[0] for kind in kinds]
    assert named == ["bigint", "varchar", "decimal", "array", "map"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT a,, b", "line 1:10: mismatched input ','"),
        ("SELECT a\nFROM t\nWHERE", "line 3:1: mismatched input 'WHERE'"),
        ("SELECT 1; SELECT 2", "Only one"),
        ("DELETE FROM t", "NOT_SUPPORTED"),
        ("COPY (SELECT 1) TO '/tmp/x'", "NOT_SUPPORTED"),
        ("PRAGMA database_list", "NOT_SUPPORTED"),
    ],
)
def test_what_is_no_query_is_refused_with_its_place(sql: str, message: str) -> None:
    with pytest.raises(QueryFailed, match=re.escape(message)) as refused:
        engine.check(sql)
    assert refused.value.started is False


def test_tables_are_found_wherever_a_query_names_them() -> None:
    sql = """WITH p AS (SELECT * FROM one) SELECT (SELECT max(x) FROM db.two), ? FROM p
             JOIN awsdatacatalog.db."Three" USING (x), UNNEST(sequence(1, 2)) AS s(n)"""
    with duckdb.connect(":memory:") as connection:
        found = engine.references(connection, sql)

    assert [(each.database, each.table) for each in found] == [
        ("", "one"),
        ("db", "three"),
        ("db", "two"),
    ]


def test_a_failure_names_line_and_column() -> None:
    error = QueryFailed.at("SELECT 1\nFROM x", 14, "TABLE_NOT_FOUND: {at}: no")
    assert str(error) == "TABLE_NOT_FOUND: line 2:6: no"
    assert "GENERIC_INTERNAL_ERROR" in str(messages.failure(OSError("boom"), "SELECT 1"))


def test_macros_answer_as_trinos_functions() -> None:
    asked = {
        "approx_percentile(x, 0.5e0)": 2.0,
        "date_format(DATE '2026-03-01' - INTERVAL '1' DAY, '%Y-%m-%d')": "2026-02-28",
        "width_bucket(0.95e0, 0e0, 1e0, 10)": 10,
        "json_extract_scalar('{\"a\": 1}', '$.a')": "1",
        "regexp_like('abc', 'b.')": True,
    }
    with duckdb.connect(":memory:") as connection:
        for macro in engine.MACROS:
            connection.execute(f"CREATE MACRO {macro}")
        for expression, expected in asked.items():
            sql = f"SELECT {expression} FROM (VALUES (1), (2), (3)) AS t(x)"
            assert connection.execute(sql).fetchall()[0][0] == expected, expression


def test_a_record_may_hold_several_documents_with_keys_in_any_case() -> None:
    found = firehose._documents(b'{"A": 1}{"b": 2}\n{"c": 3}')
    assert [json.loads(each) for each in found] == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "MalformedData"), (b"[1]", "MalformedData"), (b"{", "ParseError"), (b"\xff", "Parse")],
)
def test_what_is_no_document_is_told_apart(content: bytes, code: str) -> None:
    with pytest.raises(Unfit) as refused:
        firehose._documents(content)
    assert code in refused.value.code


def test_one_unfit_record_does_not_keep_the_others_back() -> None:
    lines = [json.dumps({"n": number if number != 3 else "x"}) for number in range(8)]
    content, bad = firehose._parquet(lines, [("n", "int")])

    assert content.startswith(b"PAR1")
    assert [record for record, _why in bad] == [lines[3].encode()]


@pytest.mark.parametrize(
    ("size", "waited", "due"), [(1, 1.0, False), (1, 61.0, True), (65 * 1024**2, 1.0, True)]
)
def test_a_buffer_is_emptied_by_time_or_size(size: int, waited: float, due: bool) -> None:
    hints = {"IntervalInSeconds": 60, "SizeInMBs": 64}
    buffer = Buffer(("a", "r"), {}, {"config": {"BufferingHints": hints}}, [("1", b"x")], size)
    assert buffer.due(waited) is due
