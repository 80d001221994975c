"""Firehose's delivery to S3: buffered by size and time, converted, written under its role."""

import base64
import json
import logging
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from visionml.local import ministack
from visionml.local.analytics.objects import Objects, Refused
from visionml.local.analytics.tables import CatalogTable
from visionml.local.ministack import Session

log = logging.getLogger("visionml.local")

Document = dict[str, Any]
_MEGABYTE = 1024 * 1024
_SECONDS, _MEGABYTES = 300, 5
_NEVER_BEFORE_SECONDS = 0.2  # an interval of 0 gathers what comes at once
_LOOK_SECONDS = 0.25
_READING = ("kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator")


class Unfit(Exception):
    """Records that cannot be converted; `code` is Firehose's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Buffer:
    """What a delivery stream holds back for one destination."""

    scope: tuple[str, str]
    stream: Document
    destination: Document
    records: list[tuple[str, bytes]] = field(default_factory=list)
    size: int = 0
    began: float = 0.0

    @property
    def settings(self) -> Document:
        """The destination's configuration."""
        found: Document = self.destination["config"]
        return found

    def due(self, now: float) -> bool:
        """Tell whether it is time to deliver."""
        hints = self.settings.get("BufferingHints") or {}
        seconds = float(hints.get("IntervalInSeconds", _SECONDS))
        full = float(hints.get("SizeInMBs", _MEGABYTES)) * _MEGABYTE
        waited = now - self.began
        return bool(self.records) and (
            self.size >= full or waited >= max(seconds, _NEVER_BEFORE_SECONDS)
        )


class Deliveries:
    """All delivery streams' buffers, and the thread that empties them."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, ...], Buffer] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(
        self, stream: Document, destination: Document, records: Sequence[tuple[str, bytes]]
    ) -> None:
        """Buffer records."""
        scope = (ministack.account(), ministack.region())
        with self._lock:
            buffer = self._buffers.setdefault(
                (*scope, stream["name"], destination["id"]), Buffer(scope, stream, destination)
            )
            buffer.stream, buffer.destination = stream, destination
            if not buffer.records:
                buffer.began = time.monotonic()
            buffer.records.extend(records)
            buffer.size += sum(len(content) for _id, content in records)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="firehose", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            with self._lock:
                due = [(key, each) for key, each in self._buffers.items() if each.due(now)]
            for key, buffer in due:
                try:
                    self._empty(key, buffer)
                except Exception:
                    log.exception("The delivery stream %s failed.", buffer.stream["name"])

    def _empty(self, key: tuple[str, ...], buffer: Buffer) -> None:
        with self._lock:
            records, age = buffer.records, time.monotonic() - buffer.began
            buffer.records, buffer.size = [], 0
        with ministack.scope(*buffer.scope):
            if not ministack.delivery_stream_exists(buffer.stream["name"]):
                with self._lock:
                    self._buffers.pop(key, None)
                return
            try:
                _Delivery(buffer).deliver(records)
            except Refused as error:  # it is tried again, as long as the stream exists
                log.warning("%s could not deliver: %s", buffer.stream["name"], error)
                _tell_log(buffer, str(error))
                _measure(buffer, {"DeliveryToS3.Success": 0, "DeliveryToS3.DataFreshness": age})
                with self._lock:
                    buffer.records[:0] = records
                    buffer.size += sum(len(content) for _id, content in records)
                    buffer.began = time.monotonic()


class _Delivery:
    """One emptying of a buffer."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer, self._settings = buffer, buffer.settings
        role = str(self._settings.get("RoleARN", ""))
        self._session: Session = ministack.register_session(role, "firehose")
        self._objects = Objects(self._session)
        self._began = buffer.began

    def deliver(self, records: Sequence[tuple[str, bytes]]) -> None:
        self._may_read()
        contents = ministack.transformed(self._buffer.stream, self._buffer.destination, records)
        conversion = self._settings.get("DataFormatConversionConfiguration") or {}
        converts = str(conversion.get("Enabled", bool(conversion))).lower() == "true"
        good, bad = self._converted(contents, conversion) if converts else (b"".join(contents), [])
        if good:
            name = self._name() + (".parquet" if converts else "")
            prefix = ministack.delivery_prefix(str(self._settings.get("Prefix", "")))
            self._write(f"{prefix}{name}", good)
        if bad:
            self._keep(bad, conversion)
        figures = {
            "DeliveryToS3.Success": 1,
            "DeliveryToS3.Records": len(contents) - len(bad),
            "DeliveryToS3.Bytes": len(good),
            "DeliveryToS3.DataFreshness": time.monotonic() - self._began,
        }
        if converts:
            figures["SucceedConversion.Records"] = len(contents) - len(bad)
            figures["FailedConversion.Records"] = len(bad)
        _measure(self._buffer, figures)

    def _may_read(self) -> None:
        """Refuse a role that may not read the stream that the records come from."""
        source = self._buffer.stream.get("kinesis_source") or {}
        if not source:
            return
        reader = ministack.register_session(source["RoleARN"], "firehose")
        self._may(reader, source["KinesisStreamARN"], _READING)

    def _may(self, session: Session, resource: str, actions: Sequence[str]) -> None:
        for action in actions:
            refusal = ministack.denial(session.access_key_id, action, resource)
            if refusal:
                raise Refused(refusal)

    def _converted(
        self, contents: Sequence[bytes], conversion: Document
    ) -> tuple[bytes, list[tuple[bytes, Unfit]]]:
        """Return the Parquet of all records that fit their table, and those that do not."""
        schema = conversion.get("SchemaConfiguration") or {}
        database, table = str(schema.get("DatabaseName", "")), str(schema.get("TableName", ""))
        place = f"arn:aws:glue:{ministack.region()}:{ministack.account()}"
        reader = ministack.register_session(str(schema.get("RoleARN", "")), "firehose")
        self._may(reader, f"{place}:table/{database}/{table}", ["glue:GetTableVersions"])
        record = ministack.glue_table(database, table)
        if record is None:
            raise Refused(f"The table {database}.{table} could not be found.")
        columns = CatalogTable(record).columns
        good: list[str] = []
        bad: list[tuple[bytes, Unfit]] = []
        for content in contents:
            try:
                good.extend(_documents(content))
            except Unfit as error:
                bad.append((content, error))
        parquet, unfit = _parquet(good, columns)
        return parquet, [*bad, *unfit]

    def _keep(self, bad: Sequence[tuple[bytes, Unfit]], conversion: Document) -> None:
        """Write what could not be converted below the prefix of errors, with the reason."""
        kind = "format-conversion-failed"
        now = int(time.time() * 1000)
        schema = conversion.get("SchemaConfiguration") or {}
        lines = [
            json.dumps(
                {
                    "attemptsMade": 1,
                    "arrivalTimestamp": now,
                    "attemptEndingTimestamp": now,
                    "ErrorCode": error.code,
                    "ErrorMessage": str(error),
                    "rawData": base64.b64encode(content).decode(),
                    "dataCatalogTable": {
                        "databaseName": schema.get("DatabaseName"),
                        "tableName": schema.get("TableName"),
                        "versionId": schema.get("VersionId", "LATEST"),
                    },
                }
            )
            for content, error in bad
        ]
        template = self._settings.get("ErrorOutputPrefix") or (
            f"{self._settings.get('Prefix', '')}!{{firehose:error-output-type}}/"
        )
        prefix = ministack.delivery_prefix(str(template), error_type=kind)
        self._write(f"{prefix}{self._name()}", ("\n".join(lines) + "\n").encode())
        _tell_log(self._buffer, f"{len(bad)} records could not be converted: {bad[0][1]}")

    def _name(self) -> str:
        moment = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
        stream = self._buffer.stream
        return f"{stream['name']}-{stream.get('version', 1)}-{moment}-{uuid.uuid4()}"

    def _write(self, key: str, content: bytes) -> None:
        bucket = str(self._settings["BucketARN"]).rpartition(":")[2]
        named = (self._settings.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig")
        headers = {"content-type": "application/octet-stream"}
        if named:
            headers["x-amz-server-side-encryption"] = "aws:kms"
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = str(named["AWSKMSKeyARN"])
        self._objects.write(f"s3://{bucket}/{key}", content, headers)


def _documents(content: bytes) -> list[str]:
    """Return the JSON objects in a record, one or several behind each other, a line each."""
    try:
        text = content.decode().strip()
        decoder, position, found = json.JSONDecoder(), 0, []
        while position < len(text):
            document, end = decoder.raw_decode(text, position)
            if not isinstance(document, dict):
                raise Unfit("DataFormatConversion.MalformedData", "Data does not match the schema.")
            found.append(json.dumps({key.lower(): each for key, each in document.items()}))
            position = end + len(text[end:]) - len(text[end:].lstrip())
    except ValueError:
        raise Unfit("DataFormatConversion.ParseError", "Encountered malformed JSON.") from None
    if not found:
        raise Unfit(
            "DataFormatConversion.MalformedData",
            "The record was empty or contained only whitespace.",
        )
    return found


def _parquet(
    lines: Sequence[str], columns: Sequence[tuple[str, str]]
) -> tuple[bytes, list[tuple[bytes, Unfit]]]:
    """Return the Parquet of the lines that fit, and the others; halves are tried on failure."""
    good, bad = list(lines), []
    if not good:
        return b"", []
    try:
        return _written(good, columns), []
    except duckdb.Error:
        pass
    fitting: list[str] = []
    waiting = [good]
    while waiting:
        part = waiting.pop()
        try:
            _written(part, columns)
            fitting.extend(part)
        except duckdb.Error as error:
            if len(part) > 1:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
            else:
                code = "DataFormatConversion.MalformedData"
                reason = str(error).split("\n", 1)[0][:300]
                bad.append((part[0].encode(), Unfit(code, reason)))
    return (_written(fitting, columns) if fitting else b""), bad


def _written(lines: Sequence[str], columns: Sequence[tuple[str, str]]) -> bytes:
    kinds = ", ".join(f"'{name}': '{ministack.duckdb_type(kind)}'" for name, kind in columns)
    with tempfile.TemporaryDirectory(prefix="firehose-") as folder:
        source, target = Path(folder, "records.json"), Path(folder, "records.parquet")
        source.write_text("\n".join(lines), encoding="utf-8")
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.execute(
                f"COPY (FROM read_json('{source}', format = 'newline_delimited',"
                f" columns = {{{kinds}}}, hive_partitioning = false))"
                f" TO '{target}' (FORMAT PARQUET, COMPRESSION snappy)"
            )
        return target.read_bytes()


def _tell_log(buffer: Buffer, message: str) -> None:
    options = buffer.settings.get("CloudWatchLoggingOptions") or {}
    if str(options.get("Enabled", "")).lower() == "true":
        line = json.dumps(
            {
                "deliveryStreamARN": buffer.stream["arn"],
                "destination": buffer.settings.get("BucketARN"),
                "message": message,
            }
        )
        ministack.put_log_events(options["LogGroupName"], options["LogStreamName"], [line])


def _measure(buffer: Buffer, figures: dict[str, float]) -> None:
    units = {"DeliveryToS3.DataFreshness": "Seconds", "DeliveryToS3.Bytes": "Bytes"}
    dimensions = [{"Name": "DeliveryStreamName", "Value": buffer.stream["name"]}]
    data = [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Value": value,
            "Unit": units.get(name, "Count"),
        }
        for name, value in figures.items()
    ]
    ministack.put_metric_data("AWS/Firehose", data)
