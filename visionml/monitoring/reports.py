"""Reports on drift in the results bucket: as JSON, as pages, and as rows for queries."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

from pydantic import ValidationError

from visionml.contracts.layout import MONITORING, drift_report, drift_reports
from visionml.contracts.monitoring import DriftReport, SequentialState
from visionml.contracts.tables import DRIFT_REPORTS

JSON, PAGE = ".json", ".html"


class Store(Protocol):
    """Objects by ``s3://`` URI: ``visionml.aws.s3.Objects``."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def exists(self, address: str) -> bool:
        """Say whether an object exists."""

    def write(self, address: str, content: bytes, *, content_type: str = ...) -> None:
        """Write an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the key of every object below an ``s3://`` prefix."""


class Reports:
    """Writes and reads them; a window that is looked at again has its report written anew."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def write(self, report: DriftReport, page: str) -> str:
        """Write a report as JSON, page and rows; return the address of its JSON."""
        rows = f"{DRIFT_REPORTS.folder(f'{report.time.astimezone(UTC):%Y-%m-%d}')}"
        name = f"{report.model_version}-{report.variant}-{report.time.astimezone(UTC):%H%M%S}"
        self._put(f"{rows}{name}.parquet", parquet(report), "application/vnd.apache.parquet")
        self._put(self._key(report, PAGE), page.encode(), "text/html; charset=utf-8")
        return self._put(
            self._key(report, JSON), report.model_dump_json().encode(), "application/json"
        )

    def past(
        self, version: str, variant: str, *, most: int, before: datetime | None = None
    ) -> list[DriftReport]:
        """Return the newest reports on windows that ended before a moment, the oldest first.

        Reports of another schema are left out.
        """
        keys = (
            key
            for key in self._store.keys(f"s3://{self._bucket}/{drift_reports(version, variant)}")
            if key.endswith(JSON)
        )
        last = drift_report(version, variant, before, JSON) if before else None
        known = sorted((key for key in keys if last is None or key < last), reverse=True)
        return list(islice(filter(None, map(self._read, known)), most))[::-1]

    def counted(self, version: str, variant: str) -> SequentialState | None:
        """Return what is known of answers that were too few for windows, or None."""
        address = f"s3://{self._bucket}/{_state(version, variant)}"
        if not self._store.exists(address):
            return None
        try:
            return SequentialState.model_validate_json(self._store.read_bytes(address))
        except ValidationError:  # of another release
            return None

    def count(self, state: SequentialState) -> None:
        """Keep that for the next look."""
        key = _state(state.model_version, state.variant)
        self._put(key, state.model_dump_json().encode(), "application/json")

    def pairs(self) -> list[tuple[str, str]]:
        """Return the versions and variants that there are reports on."""
        keys = self._store.keys(f"s3://{self._bucket}/{MONITORING}")
        found = (key.split("/") for key in keys if key.endswith(JSON))
        return sorted({(parts[1], parts[2]) for parts in found if len(parts) == 4})

    def page(self, report: DriftReport) -> str:
        """Return the page of a report."""
        address = f"s3://{self._bucket}/{self._key(report, PAGE)}"
        return self._store.read_bytes(address).decode()

    def address(self, report: DriftReport) -> str:
        """Return where a report's JSON lies."""
        return f"s3://{self._bucket}/{self._key(report, JSON)}"

    def _key(self, report: DriftReport, ending: str) -> str:
        return drift_report(report.model_version, report.variant, report.time, ending)

    def _put(self, key: str, content: bytes, content_type: str) -> str:
        address = f"s3://{self._bucket}/{key}"
        self._store.write(address, content, content_type=content_type)
        return address

    def _read(self, key: str) -> DriftReport | None:
        try:
            content = self._store.read_bytes(f"s3://{self._bucket}/{key}")
            return DriftReport.model_validate_json(content)
        except ValidationError:
            return None


def _state(version: str, variant: str) -> str:
    return f"{drift_reports(version, variant)}sequential.state"


def rows_of(report: DriftReport) -> list[dict[str, Any]]:
    """Return a report's rows: one a comparison, or one alone that says why there was none."""
    common: dict[str, Any] = {
        "report_id": report.report_id,
        "time": report.time.isoformat(),
        "model_version": report.model_version,
        "variant": report.variant,
        "samples": report.window.samples,
    }
    whole = {
        **common,
        "statistic": "all",
        "test": report.mode,
        "score": report.score,
        "threshold": report.threshold,
        "drifted": report.drifted,
        "details": json.dumps({"state": report.state, "reason": report.reason}),
    }
    return [
        whole,
        *(
            {
                **common,
                "statistic": each.name,
                "test": each.test,
                "score": each.score,
                "threshold": each.threshold,
                "drifted": report.drifted and each.moved,
                "details": each.model_dump_json(
                    include={"detector", "p_value", "corrected", "reference", "observed", "shift"}
                ),
            }
            for each in report.findings
        ),
    ]


def parquet(report: DriftReport) -> bytes:
    """Return the rows of a report as the table `DRIFT_REPORTS` has them."""
    import pyarrow as pa  # noqa: PLC0415 - it takes a while
    from pyarrow import parquet as writer  # noqa: PLC0415

    kinds = {
        "string": pa.string(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "bigint": pa.int64(),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind, _ in DRIFT_REPORTS.columns])
    buffer = io.BytesIO()
    writer.write_table(pa.Table.from_pylist(rows_of(report), schema=schema), buffer)
    return buffer.getvalue()
