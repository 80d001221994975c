"""A model's output as the JSON that is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from json import JSONEncoder
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import PIXEL_STATISTICS, packed
from visionml.contracts.model import ModelRecord
from visionml.imaging import statistics
from visionml.imaging.statistics import Source
from visionml.serving.options import Options

_SHARE = itemgetter(0)
_json = JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_LARGEST_HALF = 65504.0
_TINY = np.float32(1e-30)  # a class of no share adds nothing
# what a MonitoredPrediction adds; records of pydantic take several times as long to write
_STATISTICS = ",".join(f'"{name}":%.6g' for name in PIXEL_STATISTICS)
_MORE = f',"statistics":{{{_STATISTICS}}},"entropy":%.4f,"embedding":%s}}'


@dataclass(frozen=True)
class Answer:
    """What is sent, and where its time went."""

    content: bytes
    version: str
    decode_ms: float
    model_ms: float
    images: int = 1
    refused: int = 0


def content(
    record: ModelRecord,
    shares: NDArray[np.float32],
    options: Options,
    *,
    pixels: NDArray[np.uint8],
    source: Source,
    embedding: NDArray[np.float32] | None,
) -> bytes:
    """Return the JSON that answers one image, from its probabilities (classes,).

    It is read as a `ContainerPrediction`, or with ``options.monitoring`` a `MonitoredPrediction`,
    which holds the statistics of its `pixels` (height, width, 3), which come from `source`, and
    its `embedding` (features,).
    """
    plain = _json(fields(record, shares, top=options.top))
    if not options.monitoring:
        return plain.encode()
    packed_embedding = "null" if embedding is None else f'"{_packed(embedding)}"'
    measured = statistics.describe(pixels, source)
    return (plain[:-1] + _MORE % (*measured, _entropy(shares), packed_embedding)).encode()


def fields(record: ModelRecord, shares: NDArray[np.float32], *, top: int) -> dict[str, Any]:
    """Return the fields of a `ContainerPrediction` from an image's probabilities (classes,)."""
    ranked = nlargest(top, zip(shares.tolist(), record.classes, strict=True), key=_SHARE)
    return {
        "label": ranked[0][1],
        "probability": ranked[0][0],
        "probabilities": {name: share for share, name in ranked},
        "model_version": record.version,
    }


def batch(entries: Iterable[bytes]) -> bytes:
    """Return a `BatchPrediction` of entries that are JSON already."""
    return b'{"predictions":[' + b",".join(entries) + b"]}"


def _entropy(shares: NDArray[np.float32]) -> float:
    return max(0.0, -float(shares @ np.log2(shares + _TINY)))


def _packed(embedding: NDArray[np.float32]) -> str:
    # ndarray.clip takes four times as long
    bounded = np.minimum(np.maximum(embedding, -_LARGEST_HALF), _LARGEST_HALF)
    return packed(bounded.astype("<f2").tobytes())
