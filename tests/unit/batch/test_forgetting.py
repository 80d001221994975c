"""Rows of a forgotten image leave their files, every version of them, and the table."""

import io
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
from pyarrow import parquet

from visionml.aws.object_versions import Version
from visionml.batch.forgetting import Found, Rows

DAY = "2026-01-02"
FOLDER = f"predictions/date={DAY}/model=m/"


def file_of(*ids: str) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table({"prediction_id": list(ids), "label": ["cat"] * len(ids)}), target)
    return target.getvalue()


def ids_in(content: bytes) -> list[str]:
    found: list[str] = parquet.read_table(io.BytesIO(content))["prediction_id"].to_pylist()
    return found


class Bucket:
    """A bucket that keeps versions."""

    def __init__(self, **files: bytes) -> None:
        self.kept: dict[str, list[tuple[str, bytes]]] = {}
        self.number = 0
        for name, content in files.items():
            self.put(f"s3://results/{FOLDER}{name}.parquet", content, content_type="")

    def put(
        self,
        address: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        del content_type, metadata
        self.number += 1
        key = address.removeprefix("s3://results/")
        self.kept.setdefault(key, []).append((str(self.number), content))
        return str(self.number)

    def below(self, prefix: str) -> Iterator[Version]:
        start = prefix.removeprefix("s3://results/")
        for key, versions in list(self.kept.items()):
            for at, (number, _) in enumerate(versions):
                if key.startswith(start):
                    yield Version("results", key, number, readable=at == len(versions) - 1)

    def delete(self, versions: Iterable[Version]) -> int:
        gone = {(each.key, each.version) for each in versions}
        for key in list(self.kept):
            self.kept[key] = [each for each in self.kept[key] if (key, each[0]) not in gone]
        return len(gone)

    def read(self, address: str) -> bytes:
        return self.kept[address.removeprefix("s3://results/")][-1][1]


def test_rows_are_cut_out_and_no_version_holds_them_any_more() -> None:
    files = {
        "run-a-00000": file_of("1", "2", "3"),
        "run-a-00001": file_of("4"),
        "run-a-b-00000": file_of("1"),
    }
    bucket = Bucket(**files)
    bucket.put(f"s3://results/{FOLDER}run-a-00000.parquet", file_of("1", "2", "3"), content_type="")
    forgotten: list[str] = []
    rows = Rows(bucket, bucket.read, "results", forget=forgotten.append)
    found = [Found("2", DAY, "run-a"), Found("4", DAY, "run-a")]

    assert rows.delete(found) == 2
    assert forgotten == ["2", "4"]
    (left,) = bucket.kept[f"{FOLDER}run-a-00000.parquet"]
    assert ids_in(left[1]) == ["1", "3"]
    assert bucket.kept[f"{FOLDER}run-a-00001.parquet"] == []
    assert ids_in(bucket.read(f"s3://results/{FOLDER}run-a-b-00000.parquet")) == ["1"]
    assert rows.delete(found) == 0
