"""Shards on disk as one sequence of images."""

from pathlib import Path

import numpy as np
import pytest

from visionml.contracts.dataset import ManifestEntry
from visionml.dataset.shards import Shards, write_shard
from visionml.errors import DatasetInvalid

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), np.uint8)


def rows(numbers: range) -> list[ManifestEntry]:
    return [
        ManifestEntry(
            key=f"images/x/{n}",
            label="a",
            split="train",
            sha256="0",
            width=4,
            height=4,
            format="png",
            bytes=1,
        )
        for n in numbers
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shard(tmp_path, "part-00-00000", IMAGES[:3], rows(range(3)))
    write_shard(tmp_path, "part-00-00001", IMAGES[3:4], rows(range(3, 4)))
    write_shard(tmp_path, "part-01-00000", IMAGES[4:], rows(range(4, 10)))
    return tmp_path


def test_images_come_in_the_order_asked_for(folder: Path) -> None:
    shards = Shards(folder)
    order = np.array([9, 0, 3, 3, 4, 2])
    assert len(shards) == 10
    assert np.array_equal(shards.pixels(order), IMAGES[order])
    assert [shards.rows[i].key for i in order] == [f"images/x/{i}" for i in order]


def test_no_shards_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match=f"{tmp_path} holds no shards"):
        Shards(tmp_path)


def test_a_damaged_shard_is_named(folder: Path) -> None:
    path = folder / "part-00-00001.npy"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DatasetInvalid, match=r"part-00-00001\.npy is damaged"):
        Shards(folder)


def test_a_shard_without_rows_is_named(folder: Path) -> None:
    (folder / "part-01-00000.jsonl").unlink()
    with pytest.raises(DatasetInvalid, match=r"part-01-00000\.npy has no rows"):
        Shards(folder)


def test_shards_of_two_sizes_do_not_fit_together(folder: Path) -> None:
    write_shard(folder, "part-02-00000", np.zeros((1, 5, 4, 3), np.uint8), rows(range(1)))
    with pytest.raises(DatasetInvalid, match="do not fit together"):
        Shards(folder)


def test_other_arrays_are_no_shards(folder: Path) -> None:
    np.save(folder / "part-03-00000.npy", np.zeros((2, 4, 4, 3), np.float32))
    with pytest.raises(DatasetInvalid, match="holds float32"):
        Shards(folder)
