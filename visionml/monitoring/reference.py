"""What a model makes of images of its dataset: the window that a baseline is fitted on.

They are those that it was not trained on: of its training images it is surer than of any others.
Pixels are those of its run's shards, so they went the same way as a request's; sizes and bytes of
the files are known from the manifest.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.dataset import ManifestEntry, Split
from visionml.contracts.layout import prepared_versions
from visionml.contracts.model import ModelRecord
from visionml.dataset.forgotten import omissions_file
from visionml.dataset.manifest import parse_manifest
from visionml.errors import NotFound
from visionml.imaging.statistics import Source, summary
from visionml.model.predict import Output
from visionml.monitoring.window import Window, from_arrays

SPLITS: tuple[Split, ...] = ("validation", "holdout")
ANSWERED = 10
"""Of so many classes an answer tells the probability, the most probable first."""
_BATCH = 64
_OMITTED = omissions_file("")

Floats = NDArray[np.float32]


class Model(Protocol):
    """`visionml.model.predict.Predictor` is one."""

    record: ModelRecord

    def infer(self, pixels: NDArray[np.uint8], /, *, embed: bool = False) -> Output:
        """Return what it says of (n, height, width, 3) pixels."""


class Store(Protocol):
    """Objects by ``s3://`` URI: ``visionml.aws.s3.Objects``."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the key of every object below an ``s3://`` prefix."""


class Part(NamedTuple):
    """The images of one shard, or some of them."""

    pixels: NDArray[np.uint8]
    rows: Sequence[ManifestEntry]


def reference(model: Model, parts: Iterable[Part]) -> Window:
    """Return what `model` answers to the images of `parts`, with their true classes."""
    statistics: list[Floats] = []
    shares: list[Floats] = []
    embeddings: list[Floats] = []
    truths: list[int] = []
    places = {name: place for place, name in enumerate(model.record.classes)}
    for pixels, rows in _batches(parts):
        output = model.infer(pixels, embed=True)
        sources = [Source(row.width, row.height, row.bytes) for row in rows]
        statistics.append(summary(pixels, sources))
        shares.append(as_answered(output.probabilities))
        if output.embedding is not None:
            embeddings.append(output.embedding.astype("<f2").astype(np.float32))
        truths += [places.get(row.label, -1) for row in rows]
    if not truths:
        raise NotFound("There are no images to compare with: the shards hold none.")
    return from_arrays(
        classes=model.record.classes,
        probabilities=np.concatenate(shares),
        statistics=np.concatenate(statistics),
        embeddings=np.concatenate(embeddings) if embeddings else None,
        truths=np.array(truths),
    )


def as_answered(shares: Floats, *, top: int = ANSWERED) -> Floats:
    """Return probabilities as they are known of answers: what is not told is shared evenly."""
    n, classes = shares.shape
    if classes <= top:
        return shares
    told = np.argpartition(-shares, top, axis=1)[:, :top]
    known = np.take_along_axis(shares, told, axis=1)
    rest = np.maximum(0, 1 - known.sum(axis=1, keepdims=True)) / (classes - top)
    answered = np.broadcast_to(rest, (n, classes)).astype(np.float32)
    np.put_along_axis(answered, told, known, axis=1)
    return answered


def shards(
    store: Store, bucket: str, *, dataset: str, version: str, size: int, most: int, seed: int = 0
) -> Iterator[Part]:
    """Yield the images of the validation and holdout data in `size`, some `most` of them.

    Raises
    ------
    NotFound
        The shards are gone, or never were.
    """
    prefix = prepared_versions(dataset, version)
    names = _folder(list(store.keys(f"s3://{bucket}/{prefix}")), prefix, size)
    if not names:
        raise NotFound(
            f"There are no shards of {dataset}@{version} in {size} pixels left to compare with.",
            hint="Train on it once more: that prepares them; or promote a newer model.",
        )
    rows = {name: _rows(store, bucket, name) for name in names}
    share = min(1.0, most / max(1, sum(len(each) for each in rows.values())))
    chance = np.random.default_rng(seed)
    for name, entries in rows.items():
        chosen = np.flatnonzero(chance.random(len(entries)) < share)
        if len(chosen):
            content = store.read_bytes(f"s3://{bucket}/{name.removesuffix('.jsonl')}.npy")
            pixels: NDArray[np.uint8] = np.load(io.BytesIO(content), allow_pickle=False)
            yield Part(pixels[chosen], [entries[each] for each in chosen])


def _batches(parts: Iterable[Part]) -> Iterator[Part]:
    for pixels, rows in parts:
        for start in range(0, len(rows), _BATCH):
            yield Part(pixels[start : start + _BATCH], rows[start : start + _BATCH])


def _folder(keys: Sequence[str], prefix: str, size: int) -> list[str]:
    """Return the rows' files of the fullest preparation, that of the last job among equals."""
    jobs: dict[str, list[str]] = {}
    for key in keys:
        folder, _, split = key.rpartition("/")[0].rpartition("/")
        rows = key.endswith(".jsonl") and not key.endswith(_OMITTED)
        if split in SPLITS and rows and folder.startswith(f"{prefix}{size}/"):
            jobs.setdefault(folder, []).append(key)
    return max(jobs.values(), key=len, default=[])


def _rows(store: Store, bucket: str, key: str) -> list[ManifestEntry]:
    address = f"s3://{bucket}/{key}"
    return parse_manifest(store.read_bytes(address).decode(), where=address)
