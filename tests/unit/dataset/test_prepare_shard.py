"""A shard that a function prepares is the file that the job writes."""

from pathlib import Path

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.shards import PREFIX, prepare_inputs
from visionml.contracts import layout, preparation
from visionml.contracts.dataset import SPLITS, ManifestEntry
from visionml.contracts.preparation import ShardOrder, shard_files, shard_places
from visionml.dataset.manifest import counts_of, manifest_text
from visionml.dataset.prepare import prepare
from visionml.dataset.prepare_shard import prepare_shard
from visionml.errors import DatasetInvalid

FOLDER = "s3://datasets/prepared/digits/v1/16/job/"


class World:
    """A small dataset version: below a processing job's folder, and in S3."""

    def __init__(self, base: Path) -> None:
        self.entries = prepare_inputs(base, per_class=6)
        self.inputs, self.output = base / "processing" / "input", base / "processing" / "output"
        self.objects = MemoryObjects(
            {
                "s3://datasets/manifests/digits/v1/manifest.jsonl": manifest_text(
                    self.entries
                ).encode()
            }
        )
        for entry in self.entries:
            file = self.inputs / "images" / entry.key.removeprefix(PREFIX)
            self.objects.objects[f"s3://raw/{entry.key}"] = file.read_bytes()

    def order(self, **given: object) -> ShardOrder:
        order = {"split": "train", "number": 0, "dataset": "digits", "dataset_version": "v1"}
        return ShardOrder.model_validate(
            {**order, "image_size": 16, "prepared_s3_uri": FOLDER, **given}
        )

    def write(self, **given: object) -> int:
        order = self.order(**given)
        return prepare_shard(order, self.objects, raw_bucket="raw", datasets_bucket="datasets")

    def forget(self, entry: ManifestEntry) -> None:
        del self.objects.objects[f"s3://raw/{entry.key}"]
        (self.inputs / "images" / entry.key.removeprefix(PREFIX)).unlink()
        key = layout.forgotten_image("digits", "v1", entry.sha256)
        self.objects.objects[f"s3://datasets/{key}"] = b"{}"
        mark = self.inputs / "manifest" / layout.FORGOTTEN / f"{entry.sha256}.json"
        mark.parent.mkdir(exist_ok=True)
        mark.write_bytes(b"{}")

    def written(self) -> dict[str, bytes]:
        return {
            address.removeprefix(FOLDER): content
            for address, content in self.objects.objects.items()
            if address.startswith(FOLDER)
        }

    def first(self) -> ManifestEntry:
        return next(entry for entry in self.entries if entry.split == "train")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("forgotten", [0, 1, 9])
@pytest.mark.parametrize("shard_bytes", [preparation.SHARD_BYTES, 16 * 16 * 3 * 7])
def test_functions_and_the_job_write_the_same_files_bit_for_bit(
    world: World, monkeypatch: pytest.MonkeyPatch, shard_bytes: int, forgotten: int
) -> None:
    for entry in world.entries[:forgotten]:
        world.forget(entry)
    monkeypatch.setattr(preparation, "SHARD_BYTES", shard_bytes)
    places = shard_places(counts_of(world.entries), image_size=16)
    images = sum(world.write(split=place.split, number=place.number) for place in places)
    prepare(
        manifest=world.inputs / "manifest" / layout.MANIFEST,
        images=world.inputs / "images",
        output=world.output,
        image_size=16,
    )
    by_job = {
        path.relative_to(world.output).as_posix(): path.read_bytes()
        for path in world.output.rglob("*.*")
    }
    assert images == len(world.entries) - forgotten
    assert {path.split("/")[0] for path in by_job} == set(SPLITS)
    assert world.written() == by_job
    assert set(shard_files(FOLDER, places)) < {f"{FOLDER}{path}" for path in by_job}


def test_a_shard_holds_no_more_images_than_a_function_has_time_for() -> None:
    assert preparation.images_per_shard(8) == preparation.SHARD_IMAGES
    assert preparation.images_per_shard(1024) * 1024 * 1024 * 3 <= preparation.SHARD_BYTES


def test_an_image_that_changed_since_its_import_is_refused(world: World) -> None:
    world.objects.objects[f"s3://raw/{world.first().key}"] = b"other"
    with pytest.raises(DatasetInvalid, match=f"{world.first().key} is not the image that was"):
        world.write()
    assert world.written() == {}


def test_an_image_that_is_gone_is_named(world: World) -> None:
    del world.objects.objects[f"s3://raw/{world.first().key}"]
    with pytest.raises(DatasetInvalid, match=f"The image {world.first().key} is missing"):
        world.write()


def test_a_shard_that_the_version_does_not_have_is_refused(world: World) -> None:
    with pytest.raises(DatasetInvalid, match="digits@v1 has no shard 1 of train"):
        world.write(number=1)
