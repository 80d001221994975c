"""From a manifest and its images to shards."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.shards import PREFIX, prepare_inputs
from visionml.contracts import layout, preparation
from visionml.contracts.dataset import SPLITS, ManifestEntry
from visionml.dataset.prepare import main, prepare
from visionml.dataset.shards import Shards
from visionml.errors import DatasetInvalid
from visionml.imaging.model_input import pixels


@pytest.fixture
def entries(tmp_path: Path) -> list[ManifestEntry]:
    return prepare_inputs(tmp_path, per_class=6)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path / "processing"


def run(base: Path, *, host: tuple[int, int] = (0, 1)) -> int:
    inputs = base / "processing" / "input"
    return prepare(
        manifest=inputs / "manifest" / layout.MANIFEST,
        images=inputs / "images",
        output=base / "processing" / "output",
        image_size=16,
        host=host,
    )


def all_rows(base: Path) -> list[ManifestEntry]:
    return [row for split in SPLITS for row in Shards(base / "processing/output" / split).rows]


def test_every_image_is_in_the_shards_of_its_split_as_serving_sees_it(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    assert run(tmp_path) == len(entries)
    assert sorted(row.key for row in all_rows(tmp_path)) == sorted(e.key for e in entries)
    for split in SPLITS:
        shards = Shards(tmp_path / "processing/output" / split)
        found = shards.pixels(np.arange(len(shards)))
        assert {row.split for row in shards.rows} == {split}
        for row, image in zip(shards.rows, found, strict=True):
            file = tmp_path / "processing/input/images" / row.key.removeprefix(PREFIX)
            assert np.array_equal(image, pixels(file.read_bytes(), height=16, width=16))


def test_two_hosts_share_the_work_without_overwriting_each_other(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    images, aside = tmp_path / "processing/input/images", tmp_path / "aside"
    halves = [entries[::2], entries[1::2]]
    for host, half in enumerate(halves):
        for entry in half:
            name = entry.key.removeprefix(PREFIX)
            (aside / str(host) / name).parent.mkdir(parents=True, exist_ok=True)
            (images / name).rename(aside / str(host) / name)
    for host in (0, 1):
        images.rename(tmp_path / f"empty{host}")
        (aside / str(host)).rename(images)
        assert run(tmp_path, host=(host, 2)) == len(halves[host])
    assert sorted(row.key for row in all_rows(tmp_path)) == sorted(e.key for e in entries)


def test_many_images_make_several_shards(
    tmp_path: Path, entries: list[ManifestEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "SHARD_BYTES", 16 * 16 * 3 * 7)
    run(tmp_path)
    names = sorted(p.name for p in (tmp_path / "processing/output/train").glob("*.npy"))
    assert names == [f"part-00-{number:05d}.npy" for number in range(6)]
    assert len(Shards(tmp_path / "processing/output/train")) == 40


def test_a_missing_image_stops_a_single_host(tmp_path: Path, entries: list[ManifestEntry]) -> None:
    gone = entries[3].key.removeprefix(PREFIX)
    (tmp_path / "processing/input/images" / gone).unlink()
    with pytest.raises(DatasetInvalid, match=f"1 of 60 images are missing, such as .*{gone}"):
        run(tmp_path)


@pytest.mark.parametrize("present", [True, False])
def test_a_forgotten_image_is_left_out_and_recorded_whether_it_is_gone_or_not(
    tmp_path: Path, entries: list[ManifestEntry], present: bool
) -> None:
    gone = next(entry for entry in entries if entry.split == "holdout")
    inputs = tmp_path / "processing/input"
    (inputs / "manifest/forgotten").mkdir()
    (inputs / f"manifest/forgotten/{gone.sha256}.json").write_text("{}")
    if not present:
        (inputs / "images" / gone.key.removeprefix(PREFIX)).unlink()
    assert run(tmp_path) == len(entries) - 1
    assert gone not in all_rows(tmp_path)
    told = (tmp_path / "processing/output/holdout/part-00-00000.omitted.jsonl").read_text()
    assert json.loads(told) == {"key": gone.key, "label": gone.label, "reason": "forgotten"}
    assert len(list((tmp_path / "processing/output").rglob("*.omitted.jsonl"))) == 1


def test_a_missing_image_is_no_better_where_another_one_was_forgotten(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    inputs = tmp_path / "processing/input"
    (inputs / "manifest/forgotten").mkdir()
    (inputs / f"manifest/forgotten/{entries[0].sha256}.json").write_text("{}")
    gone = entries[3].key.removeprefix(PREFIX)
    (inputs / "images" / gone).unlink()
    with pytest.raises(DatasetInvalid, match=f"1 of 60 images are missing, such as .*{gone}"):
        run(tmp_path)


def test_a_split_whose_images_were_all_forgotten_is_empty(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    folder = tmp_path / "processing/input/manifest/forgotten"
    folder.mkdir()
    for entry in entries:
        if entry.split == "validation":
            (folder / f"{entry.sha256}.json").write_text("{}")
    run(tmp_path)
    with pytest.raises(DatasetInvalid, match="holds no images"):
        Shards(tmp_path / "processing/output/validation")


def test_an_image_that_changed_since_its_import_is_refused(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    names = [entry.key.removeprefix(PREFIX) for entry in entries]
    images = tmp_path / "processing/input/images"
    (images / names[0]).write_bytes((images / names[1]).read_bytes())
    with pytest.raises(DatasetInvalid, match="its content has changed"):
        run(tmp_path)


def test_an_image_that_no_manifest_knows_is_refused(
    tmp_path: Path, entries: list[ManifestEntry]
) -> None:
    (tmp_path / "processing/input/images/0/other.png").write_bytes(b"x")
    with pytest.raises(DatasetInvalid, match=r"0/other\.png is not in the manifest"):
        run(tmp_path)


def test_the_job_numbers_its_shards_by_its_host(job: Path, entries: list[ManifestEntry]) -> None:
    config = job.parent / "config" / "resourceconfig.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}))
    assert main(["--image-size", "8"]) == 0
    assert (job / "output/holdout/part-01-00000.npy").exists()


def test_the_job_leaves_the_reason_of_its_failure(job: Path) -> None:
    assert main(["--image-size", "8"]) == 1
    reason = (job.parent / "output" / "message").read_text()
    assert "manifest.jsonl does not exist. Point the manifest input" in reason
