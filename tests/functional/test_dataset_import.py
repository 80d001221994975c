"""From a folder to a dataset version in S3, and back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.shards import PREFIX, digits
from tests.functional.queues import queue_of_events
from visionml.aws.s3 import Objects, uri
from visionml.aws.session import Aws
from visionml.contracts import layout
from visionml.contracts.dataset import DatasetRecord
from visionml.dataset.catalog import Catalog
from visionml.dataset.importer import import_source
from visionml.errors import DatasetInvalid, InvalidInput, NotFound

RAW, DATASETS, SOURCE = "import-test-raw", "import-test-datasets", "import-test-source"


@pytest.fixture(scope="module", autouse=True)
def buckets(aws: Aws) -> None:
    for bucket in (RAW, DATASETS, SOURCE):
        aws.s3.create_bucket(Bucket=bucket)


@pytest.fixture
def catalog(aws: Aws) -> Catalog:
    return Catalog(aws, raw_bucket=RAW, datasets_bucket=DATASETS)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for key, content in digits(10).items():
        path = tmp_path / "in" / key.removeprefix(PREFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "in/3/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    yield tmp_path / "in"
    shutil.rmtree(tmp_path / "in")


def imported(folder: Path | str, aws: Aws, dataset: str, **options: Any) -> DatasetRecord:
    return import_source(
        folder, dataset=dataset, raw_bucket=RAW, datasets_bucket=DATASETS, aws=aws, **options
    )


def test_a_version_names_every_image_and_every_image_is_there(
    aws: Aws, folder: Path, catalog: Catalog
) -> None:
    record = imported(folder, aws, "whole")
    entries = catalog.entries("whole", record.version)
    assert record.images == len(entries) == 100
    assert record.classes == tuple("0123456789")
    assert record.counts["holdout"] == dict.fromkeys("0123456789", 1)
    assert [item.file for item in catalog.refused("whole", record.version)] == ["3/broken.png"]
    assert catalog.image(entries[0]) == (folder / "0/digit-0000.png").read_bytes()
    listing = layout.manifest_folder("whole", record.version) + layout.OBJECTS
    prefix, *paths = json.loads(Objects(aws.s3).read_text(uri(DATASETS, listing)))
    assert [prefix["prefix"] + path for path in paths] == [uri(RAW, e.key) for e in entries]


def test_importing_again_changes_nothing(aws: Aws, folder: Path, catalog: Catalog) -> None:
    first = imported(folder, aws, "again")
    uploads: list[str] = []
    second = imported(folder, aws, "again", on_progress=lambda stage, *_: uploads.append(stage))
    assert second == first
    assert "upload" not in uploads
    assert catalog.versions("again") == [first]


def test_a_changed_file_makes_a_version_and_spoils_none(
    aws: Aws, folder: Path, catalog: Catalog
) -> None:
    first = imported(folder, aws, "changed")
    before = catalog.entries("changed", first.version)
    images = [catalog.image(entry) for entry in before[:3]]
    shutil.copy(folder / "1/digit-0001.png", folder / "0/digit-0000.png")
    (folder / "1/digit-0001.png").unlink()
    second = imported(folder, aws, "changed")
    assert second.version != first.version
    assert catalog.latest("changed") == second
    assert catalog.entries("changed", first.version) == before
    assert [catalog.image(entry) for entry in before[:3]] == images


def test_images_lost_from_the_bucket_are_uploaded_again(
    aws: Aws, folder: Path, catalog: Catalog
) -> None:
    record = imported(folder, aws, "lost")
    entry = catalog.entries("lost", record.version)[5]
    aws.s3.delete_object(Bucket=RAW, Key=entry.key)
    assert imported(folder, aws, "lost") == record
    assert len(catalog.image(entry)) == entry.bytes


def test_an_import_that_breaks_off_leaves_no_version_and_can_be_repeated(
    aws: Aws, folder: Path, catalog: Catalog
) -> None:
    def break_off(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("upload", 30):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(folder, aws, "broken-off", on_progress=break_off)
    assert catalog.versions("broken-off") == []
    assert imported(folder, aws, "broken-off").images == 100


def test_images_of_one_group_stay_on_one_side(aws: Aws, folder: Path, catalog: Catalog) -> None:
    record = imported(folder, aws, "grouped", group_pattern=r"digit-0(\d\d)\d")
    sides: dict[str | None, set[str]] = {}
    for entry in catalog.entries("grouped", record.version):
        sides.setdefault(entry.group, set()).add(entry.split)
    assert None not in sides
    assert all(len(found) == 1 for found in sides.values())


def uploaded(folder: Path, aws: Aws, prefix: str) -> str:
    address = uri(SOURCE, prefix)
    for path in folder.rglob("*.png"):
        name = path.relative_to(folder).as_posix()
        Objects(aws.s3).write(f"{address}{name}", path.read_bytes())
    return address


def test_a_prefix_in_s3_gives_the_version_that_the_folder_gives(aws: Aws, folder: Path) -> None:
    address = uploaded(folder, aws, "photos/")
    Objects(aws.s3).write(f"{address}3/.hidden", "x")
    by_folder = imported(folder, aws, "prefix")
    assert imported(address.rstrip("/"), aws, "prefix") == by_folder
    with pytest.raises(DatasetInvalid, match="holds no files"):
        imported(uri(SOURCE, "nothing"), aws, "prefix")
    with pytest.raises(DatasetInvalid, match="bucket nowhere-at-all does not exist"):
        imported("s3://nowhere-at-all/x", aws, "prefix")


@pytest.mark.parametrize("column", ["path", "key"])
def test_a_manifest_in_s3_decides_groups_and_splits(
    aws: Aws, folder: Path, catalog: Catalog, column: str
) -> None:
    address = uploaded(folder, aws, f"listed-{column}/")
    rows, sides = [f"{column},label,group,split"], ("train", "validation", "holdout")
    for number, path in enumerate(sorted(folder.rglob("digit-*.png"))):
        name = path.relative_to(folder).as_posix()
        place = name if column == "path" else f"listed-{column}/{name}"
        rows.append(f"{place},digit {path.parent.name},g{number},{sides[number % 3]}")
    Objects(aws.s3).write(f"{address}manifest.csv", "\n".join(rows))
    record = imported(f"{address}manifest.csv", aws, f"listed-{column}")
    entries = catalog.entries(f"listed-{column}", record.version)
    assert record.classes == tuple(f"digit {label}" for label in range(10))
    assert {split: sum(each.values()) for split, each in record.counts.items()} == {
        "train": 34,
        "validation": 33,
        "holdout": 33,
    }
    assert len({entry.group for entry in entries}) == 100
    assert catalog.image(entries[0])


def test_every_import_is_announced(aws: Aws, folder: Path) -> None:
    queue = aws.client("sqs")
    url, arn = queue_of_events(queue, "ready-datasets")
    pattern = {"detail-type": ["Dataset Ready"], "detail": {"dataset": ["announced"]}}
    aws.events.put_rule(Name="ready-datasets", EventPattern=json.dumps(pattern))
    aws.events.put_targets(Rule="ready-datasets", Targets=[{"Id": "queue", "Arn": arn}])
    record = imported(folder, aws, "announced")
    imported(folder, aws, "announced")
    got = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    details = [json.loads(message["Body"])["detail"] for message in got]
    assert [(each["version"], each["images"]) for each in details] == [(record.version, 100)] * 2


def test_a_missing_bucket_says_to_deploy(aws: Aws, folder: Path) -> None:
    with pytest.raises(NotFound, match="bucket nowhere-at-all does not exist") as caught:
        import_source(
            folder, dataset="x", raw_bucket="nowhere-at-all", datasets_bucket=DATASETS, aws=aws
        )
    assert "visionml deploy" in caught.value.hint


def test_a_class_with_one_image_stops_the_import_before_any_upload(
    aws: Aws, folder: Path, catalog: Catalog
) -> None:
    (folder / "owl").mkdir()
    (folder / "0/digit-0000.png").rename(folder / "owl/1.png")
    with pytest.raises(DatasetInvalid, match="class 'owl' has only 1 image"):
        imported(folder, aws, "lonely")
    assert list(Objects(aws.s3).keys(uri(RAW, layout.raw_images("lonely")))) == []
    assert catalog.versions("lonely") == []


@pytest.mark.parametrize("options", [{"dataset": "No Good"}, {"group_pattern": "("}])
def test_bad_names_and_patterns_are_refused(
    aws: Aws, folder: Path, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        imported(folder, aws, **{"dataset": "fine", **options})


def test_what_is_not_in_the_catalogue_is_named(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="'nothing' has no version"):
        catalog.latest("nothing")
    with pytest.raises(NotFound, match="no version 'v0' of the dataset 'nothing'"):
        catalog.record("nothing", "v0")
