"""A model's output as the JSON that is sent."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import (
    PIXEL_STATISTICS,
    ContainerPrediction,
    MonitoredPrediction,
    PixelStatistics,
    packed,
)
from visionml.contracts.model import ModelRecord
from visionml.imaging import statistics
from visionml.serving.options import Options

_LARGEST_HALF = 65504.0


@dataclass(frozen=True)
class Answer:
    """What is sent, and where its time went."""

    content: bytes
    version: str
    decode_ms: float
    model_ms: float
    images: int = 1
    refused: int = 0


def prediction(
    record: ModelRecord,
    shares: NDArray[np.float32],
    options: Options,
    *,
    pixels: NDArray[np.uint8],
    embedding: NDArray[np.float32] | None,
) -> ContainerPrediction:
    """Return the answer to one image from its probabilities (classes,).

    With ``options.monitoring`` it also holds the statistics of its `pixels` (height, width, 3) and
    its `embedding` (features,), if there is one.
    """
    order = (-shares).argsort(kind="stable")[: options.top].tolist()
    values = shares[order].tolist()
    names = [record.classes[index] for index in order]
    ranked = dict(zip(names, values, strict=True))
    if not options.monitoring:
        return ContainerPrediction(
            label=names[0],
            probability=values[0],
            probabilities=ranked,
            model_version=record.version,
        )
    return MonitoredPrediction(
        label=names[0],
        probability=values[0],
        probabilities=ranked,
        model_version=record.version,
        statistics=_statistics(pixels),
        embedding=None if embedding is None else _packed(embedding),
    )


def batch(entries: Iterable[bytes]) -> bytes:
    """Return a `BatchPrediction` of entries that are JSON already."""
    return b'{"predictions":[' + b",".join(entries) + b"]}"


def _statistics(pixels: NDArray[np.uint8]) -> PixelStatistics:
    found = statistics.summary(pixels[np.newaxis])[0].tolist()
    rounded = [round(value, 3) for value in found]
    return PixelStatistics(**dict(zip(PIXEL_STATISTICS, rounded, strict=True)))


def _packed(embedding: NDArray[np.float32]) -> str:
    halves = embedding.clip(-_LARGEST_HALF, _LARGEST_HALF).astype("<f2")
    return packed(halves.tobytes())
