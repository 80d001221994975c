"""Firehose, Athena and crawlers of the embedded AWS, without the platform."""

import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import boto3
import duckdb
import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.world import allow
from tests.functional.waiting import until
from visionml.aws.session import Aws
from visionml.local.state import ACCOUNT, REGION, State

_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}
_COLUMNS = (
    ("id", "string"),
    ("score", "double"),
    ("shares", "map<string,double>"),
    ("place", "struct<x:double,y:double>"),
)
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}


@dataclass(frozen=True)
class Lake:
    """A bucket, a database with a table projected by date, and a workgroup."""

    aws: Aws
    name: str

    @property
    def bucket(self) -> str:
        return f"{self.name}-bucket"

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")

    def ask(self, sql: str, *, client: Any = None, **more: Any) -> dict[str, Any]:
        """Run a query to its end, and return its execution."""
        athena = client or self.aws.client("athena")
        started = athena.start_query_execution(
            QueryString=sql,
            WorkGroup=self.name,
            QueryExecutionContext={"Database": self.database},
            **more,
        )
        query_id = started["QueryExecutionId"]
        ended: dict[str, Any] = until(lambda: _ended(athena, query_id), every_seconds=0.02)
        return ended

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:
        """Return a query's rows without the names of the columns."""
        execution = self.ask(sql, **more)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        found = self.aws.client("athena").get_query_results(
            QueryExecutionId=execution["QueryExecutionId"]
        )
        rows = [
            [cell.get("VarCharValue") for cell in row["Data"]] for row in found["ResultSet"]["Rows"]
        ]
        return rows[1:]

    def put(self, key: str, select: str) -> int:
        """Write a Parquet object and return its size."""
        content = parquet(select)
        self.aws.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return len(content)


def _ended(athena: Any, query_id: str) -> dict[str, Any] | None:
    found = athena.get_query_execution(QueryExecutionId=query_id)
    execution: dict[str, Any] = found["QueryExecution"]
    return execution if execution["Status"]["State"] in _ENDED else None


def parquet(select: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.parquet")
        with duckdb.connect(":memory:") as connection:
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT PARQUET)")
        return path.read_bytes()


def day(ago: int = 0) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


@pytest.fixture(scope="module")
def lake(aws_local: State) -> Lake:
    aws = aws_local.connect()
    lake = Lake(aws, f"lake-{uuid4().hex[:8]}")
    aws.s3.create_bucket(Bucket=lake.bucket)
    glue, athena = aws.client("glue"), aws.client("athena")
    glue.create_database(DatabaseInput={"Name": lake.database})
    location = f"s3://{lake.bucket}/events/"
    glue.create_table(
        DatabaseName=lake.database,
        TableInput={
            "Name": "events",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "date", "Type": "string"}],
            "Parameters": {
                "classification": "parquet",
                "projection.enabled": "true",
                "projection.date.type": "date",
                "projection.date.format": "yyyy-MM-dd",
                "projection.date.range": "NOW-30DAYS,NOW+1DAYS",
                "storage.location.template": f"{location}date=${{date}}/",
            },
            "StorageDescriptor": {
                **_PARQUET,
                "Location": location,
                "Columns": [{"Name": name, "Type": kind} for name, kind in _COLUMNS],
            },
        },
    )
    athena.create_work_group(
        Name=lake.name,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 10_000_000,
            "PublishCloudWatchMetricsEnabled": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{lake.bucket}/queries/"},
        },
    )
    _row = "SELECT '{0}' AS id, {1} AS score"
    lake.put(f"events/date={day(1)}/a.parquet", _row.format("old", 0.25))
    lake.put(f"events/date={day()}/b.parquet", _row.format("new", 0.75))
    lake.put(f"events/date={day(400)}/c.parquet", _row.format("out of range", 1.0))
    lake.put("events/elsewhere/d.parquet", _row.format("out of place", 1.0))
    return lake


def test_projected_partitions_are_read_and_nothing_else(lake: Lake) -> None:
    found = lake.rows("SELECT id, score, date, shares FROM events ORDER BY date")

    assert found == [["old", "0.25", day(1), None], ["new", "0.75", day(), None]]


def test_a_condition_on_the_date_spares_the_other_partitions(lake: Lake) -> None:
    all_of_it = lake.ask("SELECT count(id) FROM events")
    one_day = lake.ask("SELECT count(id) FROM events WHERE date = ?",
                       ExecutionParameters=[f"'{day()}'"])  # fmt: skip

    scanned = [each["Statistics"]["DataScannedInBytes"] for each in (all_of_it, one_day)]
    assert 0 < scanned[1] < scanned[0]


def test_parameters_are_values_and_no_sql(lake: Lake) -> None:
    sql = "SELECT id FROM events WHERE id = ?"

    assert lake.rows(sql, ExecutionParameters=["'old'"]) == [["old"]]
    assert lake.rows(sql, ExecutionParameters=["'x'' OR 1=1 --'"]) == []
    broken = lake.ask(sql, ExecutionParameters=["'x') OR (1=1"])
    assert broken["Status"]["State"] == "FAILED"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nosuch FROM events", "COLUMN_NOT_FOUND: line 1:8: Column 'nosuch' cannot be"),
        ("SELECT 1 FROM nosuch", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog."),
        ("SELECT 1 FROM nosuch.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nosuch' does not"),
        ("SELECT nosuch(id) FROM events", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not"),
    ],
)
def test_a_query_that_cannot_work_fails_with_its_reason(lake: Lake, sql: str, reason: str) -> None:
    status = lake.ask(sql)["Status"]

    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith(reason)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT FROM WHERE", "mismatched input"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("INSERT INTO events VALUES (1)", "not supported"),
    ],
)
def test_what_is_no_query_is_refused_at_once(lake: Lake, sql: str, message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        lake.ask(sql)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"


def test_files_of_this_computer_are_out_of_reach(lake: Lake) -> None:
    status = lake.ask("SELECT * FROM read_csv('/etc/passwd')")["Status"]

    assert status["State"] == "FAILED"
    assert "disabled" in status["StateChangeReason"]


def test_a_query_over_the_limit_is_cancelled(lake: Lake) -> None:
    size = lake.put(
        f"events/date={day(2)}/large.parquet",
        "SELECT 'x' AS id, random() AS score FROM range(1600000)",
    )
    assert size > 10_000_000
    try:
        execution = lake.ask("SELECT sum(score) FROM events")
        spared = lake.ask("SELECT sum(score) FROM events WHERE date = ?",
                          ExecutionParameters=[f"'{day()}'"])  # fmt: skip
    finally:
        lake.aws.s3.delete_object(Bucket=lake.bucket, Key=f"events/date={day(2)}/large.parquet")

    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert spared["Status"]["State"] == "SUCCEEDED"


def test_a_query_that_is_stopped_ends_cancelled(lake: Lake) -> None:
    athena = lake.aws.client("athena")
    many = "UNNEST(sequence(1, 100000))"
    started = athena.start_query_execution(
        QueryString=f"SELECT max(a.n * b.n % 7) FROM {many} AS a(n), {many} AS b(n)",
        WorkGroup=lake.name,
    )
    query_id = started["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=query_id)
    status = until(lambda: _ended(athena, query_id))["Status"]

    assert status["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        athena.get_query_results(QueryExecutionId=query_id)


def test_results_come_in_pages_and_lie_in_the_bucket(lake: Lake) -> None:
    execution = lake.ask("SELECT n FROM UNNEST(sequence(1, 2500)) AS s(n) ORDER BY n")
    pages = (
        lake.aws.client("athena")
        .get_paginator("get_query_results")
        .paginate(QueryExecutionId=execution["QueryExecutionId"])
    )
    values = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    where = execution["ResultConfiguration"]["OutputLocation"]
    stored = lake.aws.s3.get_object(Bucket=lake.bucket, Key=where.split("/", 3)[3])

    assert values == ["n", *(str(n) for n in range(1, 2501))]
    assert stored["Body"].read().splitlines()[:2] == [b'"n"', b'"1"']


def test_a_caller_reads_what_its_own_permissions_allow(lake: Lake) -> None:
    catalog = f"arn:aws:glue:{REGION}:{ACCOUNT}"
    may_ask = [
        ("athena:*", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{lake.name}"),
        ("s3:PutObject", f"arn:aws:s3:::{lake.bucket}/queries/*"),
    ]
    tables = ("glue:Get*", f"{catalog}:*")
    objects = [
        ("s3:GetObject", f"arn:aws:s3:::{lake.bucket}/events/*"),
        ("s3:ListBucket", f"arn:aws:s3:::{lake.bucket}"),
    ]
    blind = _as_role(lake, "blind", *may_ask)
    unread = _as_role(lake, "unread", *may_ask, tables, objects[1])
    reader = _as_role(lake, "reader", *may_ask, tables, *objects)

    no_catalog = lake.ask("SELECT id FROM events", client=blind)["Status"]
    no_objects = lake.ask("SELECT id FROM events", client=unread)["Status"]
    works = lake.ask("SELECT id FROM events", client=reader)["Status"]

    assert "glue:GetDatabase" in no_catalog["StateChangeReason"]
    assert "s3:GetObject" in no_objects["StateChangeReason"]
    assert works["State"] == "SUCCEEDED"


def _as_role(lake: Lake, kind: str, *statements: tuple[str, str]) -> Any:
    role = allow(lake.aws, f"{lake.name}-{kind}", *statements, service="lambda.amazonaws.com")
    _trust_everyone(lake.aws, role)
    given = lake.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=kind)["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION
    )
    where = lake.aws._where
    return session.client("athena", **where)


def _trust_everyone(aws: Aws, role: str) -> None:
    policy = {
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]
    }
    aws.client("iam").update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(policy)
    )


def test_a_stream_is_delivered_as_parquet_and_what_does_not_fit_is_kept(lake: Lake) -> None:
    stream = _deliver(lake, lake.name)
    good = {"id": "delivered", "score": 0.5, "shares": {"a": 0.1}, "place": {"x": 1, "y": 2}}
    records: Any = [
        {"Data": content, "PartitionKey": "same"}
        for content in (json.dumps(good).encode(), b"no json", b'{"id": "bad", "score": "x"}')
    ]
    lake.aws.client("kinesis").put_records(StreamName=stream, Records=records)

    until(lambda: lake.rows("SELECT id FROM events WHERE id = 'delivered'"))
    sql = "SELECT id, score, shares['a'], place.y, date FROM events WHERE id = 'delivered'"
    assert lake.rows(sql) == [["delivered", "0.5", "0.1", "2.0", day()]]
    listed = until(
        lambda: lake.aws.s3.list_objects_v2(Bucket=lake.bucket, Prefix="errors/").get("Contents")
    )
    key = listed[0]["Key"]
    assert key.startswith(f"errors/format-conversion-failed/{day()}/")
    kept = lake.aws.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
    codes = {json.loads(line)["ErrorCode"] for line in kept.splitlines()}
    assert codes == {"DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"}
    assert until(lambda: _measured(lake, "FailedConversion.Records")) == 2
    assert _measured(lake, "DeliveryToS3.Records") == 1


def _measured(
    lake: Lake, metric: str, *, name: str = "", statistic: Literal["Sum", "SampleCount"] = "Sum"
) -> float:
    now = datetime.now(UTC)
    found = lake.aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Firehose",
        MetricName=metric,
        Dimensions=[{"Name": "DeliveryStreamName", "Value": name or lake.name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )
    return sum(each[statistic] for each in found["Datapoints"])


def test_what_may_not_be_written_is_delivered_once_it_may(lake: Lake) -> None:
    name = f"{lake.name}-late"
    stream = _deliver(lake, name, writes=False)
    lake.aws.client("kinesis").put_record(
        StreamName=stream, Data=b'{"id": "late"}', PartitionKey="same"
    )
    until(lambda: _measured(lake, "DeliveryToS3.Success", name=name, statistic="SampleCount"))
    assert _measured(lake, "DeliveryToS3.Success", name=name) == 0
    assert lake.rows("SELECT id FROM events WHERE id = 'late'") == []

    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    lake.aws.client("iam").put_role_policy(
        RoleName=f"{name}-delivery",
        PolicyName="writes",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    found = until(lambda: lake.rows("SELECT id FROM events WHERE id = 'late'"))
    assert found == [["late"]]


def _deliver(lake: Lake, name: str, *, writes: bool = True) -> str:
    kinesis = lake.aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    source = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
    where = f"arn:aws:s3:::{lake.bucket}/*" if writes else "arn:aws:s3:::elsewhere/*"
    role = allow(
        lake.aws,
        f"{name}-delivery",
        ("kinesis:*", source),
        ("glue:Get*", "*"),
        ("s3:PutObject", where),
        service="firehose.amazonaws.com",
    )
    schema = {"DatabaseName": lake.database, "TableName": "events", "RoleARN": role}
    lake.aws.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": source, "RoleARN": role},
        ExtendedS3DestinationConfiguration={
            "RoleARN": role,
            "BucketARN": f"arn:aws:s3:::{lake.bucket}",
            "Prefix": "events/date=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/",
            "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 64},
            "DataFormatConversionConfiguration": {
                "Enabled": True,
                "SchemaConfiguration": schema,
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            },
        },
    )
    return name


def test_a_crawler_finds_a_folder_and_its_partitions(lake: Lake) -> None:
    select = "SELECT 1 AS number, 'x' AS word, {'a': 1.5::DOUBLE} AS both, [1, 2] AS many"
    for date in (day(1), day()):
        lake.put(f"found/new_results/date={date}/part.parquet", select)
    lake.aws.s3.put_object(
        Bucket=lake.bucket, Key="found/told/1.json", Body=b'{"id": "a", "told": true}\n'
    )
    role = allow(
        lake.aws,
        f"{lake.name}-crawler",
        ("s3:GetObject", f"arn:aws:s3:::{lake.bucket}/found/*"),
        ("s3:ListBucket", f"arn:aws:s3:::{lake.bucket}"),
        ("glue:*", "*"),
        service="glue.amazonaws.com",
    )
    glue = lake.aws.client("glue")
    glue.create_crawler(
        Name=lake.name,
        Role=role,
        DatabaseName=lake.database,
        Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/found/"}]},
        TablePrefix="crawled_",
    )
    glue.start_crawler(Name=lake.name)
    with pytest.raises(ClientError, match="CrawlerRunningException"):
        glue.start_crawler(Name=lake.name)
    crawler = until(lambda: _ready(glue, lake.name))

    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    table = glue.get_table(DatabaseName=lake.database, Name="crawled_new_results")["Table"]
    columns = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    assert columns == {
        "number": "int",
        "word": "string",
        "both": "struct<a:double>",
        "many": "array<int>",
    }
    counted = "SELECT date, sum(number) FROM crawled_new_results GROUP BY date ORDER BY date"
    assert lake.rows(counted) == [[day(1), "1"], [day(), "1"]]
    assert lake.rows("SELECT id, told FROM crawled_told") == [["a", "true"]]


def test_a_crawler_without_permission_fails_with_the_reason(lake: Lake) -> None:
    name = f"{lake.name}-refused"
    role = allow(lake.aws, name, ("glue:*", "*"), service="glue.amazonaws.com")
    glue = lake.aws.client("glue")
    glue.create_crawler(
        Name=name,
        Role=role,
        DatabaseName=lake.database,
        Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/found/"}]},
    )
    glue.start_crawler(Name=name)
    last = until(lambda: _ready(glue, name))["LastCrawl"]

    assert last["Status"] == "FAILED"
    assert "s3:ListBucket" in last["ErrorMessage"]


def _ready(glue: Any, name: str) -> dict[str, Any] | None:
    crawler: dict[str, Any] = glue.get_crawler(Name=name)["Crawler"]
    return crawler if crawler["State"] == "READY" and crawler.get("LastCrawl") else None
