"""The window that a baseline is fitted on: what the model says of its own data, as answers do."""

import io
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.models import write_brightness_model
from tests.fakes.objects import MemoryObjects
from visionml.contracts.dataset import ManifestEntry, Split
from visionml.contracts.inference import PIXEL_STATISTICS
from visionml.dataset.manifest import lines_text
from visionml.errors import NotFound
from visionml.imaging import statistics
from visionml.model.predict import Predictor
from visionml.monitoring.reference import as_answered, reference, shards

SIZE = 8
CHANCE = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("model")
    write_brightness_model(folder, size=SIZE, embedding=True)
    return Predictor(folder)


def entry(number: int, split: Split) -> ManifestEntry:
    return ManifestEntry(
        key=f"images/shades/{number}.png",
        label=("dark", "light")[number % 2],
        split=split,
        sha256=f"{number:064}",
        width=20,
        height=10,
        format="png",
        bytes=400,
    )


def put(store: MemoryObjects, folder: str, split: Split, count: int, name: str = "part-0") -> None:
    pixels = CHANCE.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    content = io.BytesIO()
    np.save(content, pixels)
    address = f"s3://datasets/prepared/shades/v1/{folder}/{split}/{name}"
    store.write(f"{address}.npy", content.getvalue())
    rows = lines_text([entry(number, split) for number in range(count)])
    store.write(f"{address}.jsonl", rows)


@pytest.fixture
def store() -> MemoryObjects:
    """Shards of two jobs and two sizes; the first job was cut short."""
    made = MemoryObjects()
    put(made, "8/job-1", "holdout", 5)
    for split, count in (("holdout", 90), ("validation", 30), ("train", 30)):
        put(made, "8/job-2", split, count)  # type: ignore[arg-type]
    put(made, "8/job-2", "holdout", 40, "part-1")
    put(made, "16/job-3", "holdout", 90)
    address = "s3://datasets/prepared/shades/v1/8/job-2/holdout/part-0.omitted.jsonl"
    made.write(address, b'{"key": "x", "label": "y"}\n')
    return made


def taken(store: MemoryObjects, most: int = 10_000) -> list[ManifestEntry]:
    parts = shards(store, "datasets", dataset="shades", version="v1", size=SIZE, most=most)
    return [row for part in parts for row in part.rows]


def test_what_the_model_was_trained_on_is_no_reference(store: MemoryObjects) -> None:
    splits = [row.split for row in taken(store)]
    assert (splits.count("holdout"), splits.count("validation"), len(splits)) == (130, 30, 160)


def test_of_more_images_some_are_drawn_the_same_each_time(store: MemoryObjects) -> None:
    some = taken(store, 40)
    assert 20 < len(some) < 60
    assert {row.split for row in some} == {"holdout", "validation"}
    assert some == taken(store, 40)


def test_shards_that_are_gone_are_told_of(store: MemoryObjects) -> None:
    with pytest.raises(NotFound, match=r"no shards of shades@v2 in 8 pixels"):
        list(shards(store, "datasets", dataset="shades", version="v2", size=8, most=9))


def test_the_window_is_what_answers_would_have_told(store: MemoryObjects, model: Predictor) -> None:
    parts = list(shards(store, "datasets", dataset="shades", version="v1", size=SIZE, most=999))
    window = reference(model, parts)
    assert len(window) == 160
    assert (window.classes, window.names) == (("dark", "light"), PIXEL_STATISTICS)
    source = statistics.Source(20, 10, 400)
    wanted = statistics.describe(parts[0].pixels[0], source)
    assert window.statistics[0] == pytest.approx(wanted, rel=1e-5)
    assert window.embeddings is not None
    assert window.embeddings.shape == (160, 3)
    assert (window.embeddings == window.embeddings.astype("<f2")).all()
    assert window.truths is not None
    assert window.truths[:4].tolist() == [0, 1, 0, 1]


def test_of_many_classes_as_much_is_known_as_an_answer_tells() -> None:
    shares = CHANCE.dirichlet(np.ones(30), 20).astype(np.float32)
    known = as_answered(shares)
    assert known.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    for row, told in zip(shares, known, strict=True):
        best = np.argsort(-row)
        assert told[best[:10]] == pytest.approx(row[best[:10]])
        assert np.ptp(told[best[10:]]) == pytest.approx(0, abs=1e-7)
    assert as_answered(shares[:, :10]) is not None
    few = shares[:, :4]
    assert as_answered(few) is few


def test_a_folder_is_no_model_without_images(model: Predictor, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no images to compare with"):
        reference(model, [])
