"""Glue's crawlers: they read what lies below their targets and write tables to the catalog."""

import json
import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from visionml.local import ministack
from visionml.local.analytics.objects import Found, Objects, Refused, split
from visionml.local.ministack import Query

log = logging.getLogger("visionml.local")

Document = dict[str, Any]
_SAMPLES = 5
_CLASSES = {
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
    "csv": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    ),
}
_SIMPLE = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double",
    "FLOAT": "float",
    "HUGEINT": "bigint",
    "INTEGER": "int",
    "SMALLINT": "smallint",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TINYINT": "tinyint",
    "BLOB": "binary",
}


class Crawlers:
    """The crawls of this process."""

    def __init__(self) -> None:
        self._stopped: set[tuple[str, str, str]] = set()

    def wrap(self, before: ministack.ServiceHandler) -> ministack.ServiceHandler:
        """Return Glue's handler, which leaves all but the running of crawlers to the one before."""

        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
        ) -> tuple[int, dict[str, str], Any]:
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            if operation not in ("StartCrawler", "StopCrawler"):
                return await before(method, path, headers, body, query)
            name = str(json.loads(body or b"{}").get("Name", ""))
            crawler = ministack.glue_crawler(name)
            if crawler is None:
                return _refusal("EntityNotFoundException", f"Crawler {name} not found")
            if operation == "StartCrawler":
                return self._start(crawler)
            return self._stop(crawler)

        return handle

    def _start(self, crawler: Document) -> tuple[int, dict[str, str], Any]:
        if crawler["State"] != "READY":
            return _refusal("CrawlerRunningException", f"Crawler {crawler['Name']} is running")
        crawler["State"], crawler["CrawlElapsedTime"] = "RUNNING", 0
        self._stopped.discard(_key(crawler))
        ministack.start_thread(lambda: self._run(crawler), name=f"crawler-{crawler['Name'][:20]}")
        return _answer(200, {})

    def _stop(self, crawler: Document) -> tuple[int, dict[str, str], Any]:
        if crawler["State"] != "RUNNING":
            return _refusal(
                "CrawlerNotRunningException", f"Crawler {crawler['Name']} is not running"
            )
        crawler["State"] = "STOPPING"
        self._stopped.add(_key(crawler))
        return _answer(200, {})

    def _run(self, crawler: Document) -> None:
        began = time.time()
        last: Document = {
            "Status": "SUCCEEDED",
            "LogGroup": "/aws-glue/crawlers",
            "LogStream": crawler["Name"],
            "MessagePrefix": str(uuid.uuid4()),
            "StartTime": began,
        }
        counts: dict[str, int] = {"created": 0, "updated": 0, "removed": 0}
        try:
            session = ministack.register_session(_role(crawler["Role"]), "AWS-Crawler")
            for target in (crawler.get("Targets") or {}).get("S3Targets") or []:
                if self._ended(crawler):
                    break
                _Crawl(crawler, session, counts).crawl(str(target["Path"]))
        except (Refused, duckdb.Error, ValueError) as error:
            last |= {"Status": "FAILED", "ErrorMessage": str(error)[:2000]}
        except Exception as error:
            log.exception("The crawler %s failed.", crawler["Name"])
            last |= {"Status": "FAILED", "ErrorMessage": f"Internal Service Exception: {error}"}
        if self._ended(crawler):
            last["Status"] = "CANCELLED"
        crawler["LastCrawl"] = last
        crawler["CrawlElapsedTime"] = int((time.time() - began) * 1000)
        crawler["State"] = "READY"

    def _ended(self, crawler: Document) -> bool:
        return _key(crawler) in self._stopped


class _Crawl:
    """One crawl of one target."""

    def __init__(
        self, crawler: Document, session: ministack.Session, counts: dict[str, int]
    ) -> None:
        self._crawler, self._session, self._counts = crawler, session, counts
        self._objects = Objects(session)

    def crawl(self, path: str) -> None:
        bucket, prefix = split(path if path.endswith("/") else f"{path}/")
        found = list(self._objects.below(path))
        root = f"s3://{bucket}/{prefix}"
        for folder, files in _tables(found, prefix).items():
            form = _form(files)
            if form:
                self._write(f"{root}{folder}", form, files, prefix + folder)

    def _write(self, location: str, form: str, files: Sequence[Found], prefix: str) -> None:
        keys = _partition_keys(files, prefix)
        name = self._crawler.get("TablePrefix", "") + _table_name(location)
        contents = [self._objects.read(each) for each in files[:_SAMPLES]]
        columns, parameters = schema(form, contents)
        known = {each for each, _kind in keys}
        storage = _storage(form, location, [each for each in columns if each["Name"] not in known])
        database = str(self._crawler["DatabaseName"])
        self._may("glue:CreateTable", database, name)
        self._may("glue:UpdateTable", database, name)
        table = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Owner": "owner",
            "StorageDescriptor": storage,
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
            "Parameters": {
                "classification": form,
                "CrawlerSchemaDeserializerVersion": "1.0",
                "UPDATED_BY_CRAWLER": self._crawler["Name"],
                **parameters,
            },
        }
        if ministack.glue_database(database) is None:
            raise ValueError(f"Database {database} not found.")
        new = ministack.put_glue_table(database, table)
        self._counts["created" if new else "updated"] += 1
        if keys:
            self._may("glue:BatchCreatePartition", database, name)
            partitions = _partitions(files, prefix, location, storage)
            ministack.add_glue_partitions(database, name, partitions)

    def _may(self, action: str, database: str, table: str) -> None:
        place = f"arn:aws:glue:{ministack.region()}:{ministack.account()}"
        refusal = ministack.denial(
            self._session.access_key_id, action, f"{place}:table/{database}/{table}"
        )
        if refusal:
            raise Refused(refusal)


def schema(form: str, contents: Sequence[bytes]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the columns that files have together, and what else the catalog has to know."""
    columns: dict[str, str] = {}
    for content in contents:
        for name, kind in _described(form, content):
            columns.setdefault(name, kind)
    more = {"skip.header.line.count": "1", "delimiter": ","} if form == "csv" else {}
    return [{"Name": name, "Type": kind} for name, kind in columns.items()], more


def _described(form: str, content: bytes) -> list[tuple[str, str]]:
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="crawler-") as folder:
        path = Path(folder, "sample")
        path.write_bytes(content)
        reader = {
            "parquet": f"read_parquet('{path}')",
            "json": f"read_json('{path}', format = 'auto', hive_partitioning = false)",
            "csv": f"read_csv('{path}', header = true, hive_partitioning = false)",
        }[form]
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            found = connection.execute(f"DESCRIBE FROM {reader}").fetchall()
    return [
        (re.sub(r"[^a-z0-9_]", "_", str(row[0]).lower()), hive_type(str(row[1]))) for row in found
    ]


def hive_type(kind: str) -> str:
    """Return the catalog's name of a type that DuckDB calls `kind`."""
    if kind.endswith("[]"):
        return f"array<{hive_type(kind[:-2])}>"
    if kind.startswith("DECIMAL("):
        return kind.lower().replace(" ", "")
    if kind.startswith("MAP("):
        key, value = _arguments(kind[4:-1])
        return f"map<{hive_type(key)},{hive_type(value)}>"
    if kind.startswith("STRUCT("):
        fields = [_field(each) for each in _arguments(kind[7:-1])]
        return f"struct<{','.join(f'{name}:{hive_type(of)}' for name, of in fields)}>"
    return _SIMPLE.get(kind, "string")


def _field(text: str) -> tuple[str, str]:
    """Return name and type of a struct's field; a name with blanks stands in quotes."""
    if text.startswith('"'):
        name, _, kind = text[1:].partition('" ')
        return name, kind
    name, _, kind = text.partition(" ")
    return name, kind


def _arguments(text: str) -> list[str]:
    parts, depth, last = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[last:position].strip())
            last = position + 1
    return [*parts, text[last:].strip()]


def _tables(found: Sequence[Found], prefix: str) -> dict[str, list[Found]]:
    """Return the objects by the folder that becomes a table; ``""`` is the target itself.

    Folders named ``key=value``, and files in the target, make the target itself a table; other
    folders are tables of their own.
    """
    tables: dict[str, list[Found]] = {}
    for each in found:
        first, slash, _rest = each.key[len(prefix) :].partition("/")
        folder = f"{first}/" if slash and "=" not in first else ""
        tables.setdefault(folder, []).append(each)
    return tables


def _form(files: Sequence[Found]) -> str:
    key = files[0].key.lower()
    for form, endings in {"parquet": (".parquet",), "json": (".json", ".jsonl"),
                          "csv": (".csv",)}.items():  # fmt: skip
        if key.endswith(endings):
            return form
    return ""


def _partition_keys(files: Sequence[Found], prefix: str) -> list[tuple[str, str]]:
    """Return the keys in the names of folders such as ``date=2026-11-20``, as text."""
    names: dict[str, None] = {}
    for part in files[0].key[len(prefix) :].split("/")[:-1]:
        if "=" in part:
            names[part.partition("=")[0].lower()] = None
    return [(name, "string") for name in names]


def _partitions(
    files: Sequence[Found], prefix: str, location: str, storage: Document
) -> list[Document]:
    made: dict[str, Document] = {}
    for each in files:
        folders = each.key[len(prefix) :].split("/")[:-1]
        values = [folder.partition("=")[2] for folder in folders if "=" in folder]
        path = "/".join(folders)
        made.setdefault(
            path,
            {"Values": values, "StorageDescriptor": {**storage, "Location": f"{location}{path}/"}},
        )
    return list(made.values())


def _storage(form: str, location: str, columns: list[dict[str, str]]) -> Document:
    source, target, library = _CLASSES[form]
    parameters = {"field.delim": ","} if form == "csv" else {"serialization.format": "1"}
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": source,
        "OutputFormat": target,
        "SerdeInfo": {"SerializationLibrary": library, "Parameters": parameters},
        "Parameters": {"classification": form},
    }


def _table_name(location: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", location.rstrip("/").rsplit("/", 1)[-1].lower())


def _role(role: str) -> str:
    return role if role.startswith("arn:") else f"arn:aws:iam::{ministack.account()}:role/{role}"


def _key(crawler: Mapping[str, Any]) -> tuple[str, str, str]:
    return ministack.account(), ministack.region(), str(crawler["Name"])


def _refusal(code: str, message: str) -> tuple[int, dict[str, str], Any]:
    return _answer(400, {"__type": code, "Message": message})


def _answer(status: int, document: Document) -> tuple[int, dict[str, str], Any]:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return status, headers, json.dumps(document).encode()
