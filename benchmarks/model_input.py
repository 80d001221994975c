"""Model input: decode, cover-crop to 224 x 224, normalise to float32; images a second, one core."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from benchmarks.interleaved import rates
from benchmarks.photos import photo
from benchmarks.record import Row, row
from visionml.contracts.model import InputRecord
from visionml.imaging.model_input import pixels
from visionml.model.transforms import MEAN, STD, normalise

SIDE = 224
_ROUNDS = 7
_SLICE_SECONDS = 0.25
_RECORD = InputRecord(height=SIDE, width=SIDE, mean=MEAN, std=STD)


def _ours(data: bytes) -> object:
    return normalise(pixels(data, height=SIDE, width=SIDE)[np.newaxis], _RECORD)


def _limit(data: bytes) -> object:
    """Decode at the smallest scale that covers, and do nothing else."""
    return simplejpeg.decode_jpeg(data, min_height=SIDE, min_width=SIDE)


def _pillow_at_its_best(data: bytes) -> object:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (SIDE, SIDE))
        return _fitted(image)


def _pillow(data: bytes) -> object:
    with Image.open(io.BytesIO(data)) as image:
        return _fitted(image.convert("RGB"))


def _fitted(image: Image.Image) -> object:
    fitted = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return normalise(np.asarray(fitted)[np.newaxis], _RECORD)


def model_input_12mp() -> Row:
    """Measure a phone's photograph."""
    return _measured("12mp")


def model_input_2mp() -> Row:
    """Measure a photograph as the web serves it."""
    return _measured("2mp")


def _measured(size: str) -> Row:
    data = photo(size)
    candidates: dict[str, Callable[[], object]] = {
        "ours": partial(_ours, data),
        "limit": partial(_limit, data),
        "Pillow at its best": partial(_pillow_at_its_best, data),
        "Pillow": partial(_pillow, data),
    }
    samples = rates(candidates, rounds=_ROUNDS, seconds=_SLICE_SECONDS)
    return row(
        f"model_input_{size}",
        "images/s",
        samples,
        higher_is_better=True,
        peers=("Pillow at its best", "Pillow", "sharp"),
    )
