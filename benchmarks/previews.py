"""Previews of 150, 300 and 800 pixels from one JPEG: images a second on one core.

Each candidate makes the same three JPEG files of quality 85 without metadata. What is called "a
size" decodes the file for each of them anew, as most tutorials do.
"""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pyvips
import simplejpeg
from PIL import Image

from benchmarks.interleaved import rates
from benchmarks.photos import photo
from benchmarks.record import Row, row
from benchmarks.sharp import SHARP, sharp
from visionml.imaging.header import read_header
from visionml.imaging.previews import SIZES, fitting, previews

_ROUNDS = 7
_SLICE_SECONDS = 0.3
_QUALITY = 85


def _limit(data: bytes) -> object:
    """Decode at the smallest scale that covers and encode three times; nothing is reduced."""
    facts = read_header(data)
    shapes = [fitting(facts.height, facts.width, size) for size in SIZES]
    height, width = shapes[-1]
    pixels = simplejpeg.decode_jpeg(data, min_height=height, min_width=width)
    return [
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels[:rows, :columns]), _QUALITY, "RGB", "420"
        )
        for rows, columns in shapes
    ]


def _pillow_cascade(data: bytes) -> object:
    files = []
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", fitting(image.height, image.width, SIZES[-1])[::-1])
        for size in reversed(SIZES):
            image.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=None)
            files.append(_saved(image))
    return files


def _pillow_a_size(data: bytes) -> object:
    files = []
    for size in SIZES:
        with Image.open(io.BytesIO(data)) as image:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            files.append(_saved(image))
    return files


def _saved(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _pyvips_cascade(data: bytes) -> object:
    image = pyvips.Image.thumbnail_buffer(data, SIZES[-1], height=SIZES[-1], size="down")
    image = image.copy_memory()
    files = [image.jpegsave_buffer(Q=_QUALITY, keep="none")]
    for size in reversed(SIZES[:-1]):
        image = image.thumbnail_image(size, height=size, size="down").copy_memory()
        files.append(image.jpegsave_buffer(Q=_QUALITY, keep="none"))
    return files


def _pyvips_a_size(data: bytes) -> object:
    return [
        pyvips.Image.thumbnail_buffer(data, size, height=size, size="down").jpegsave_buffer(
            Q=_QUALITY, keep="none"
        )
        for size in SIZES
    ]


def previews_12mp() -> Row:
    """Measure a phone's photograph."""
    return _measured("12mp")


def previews_2mp() -> Row:
    """Measure a photograph as the web serves it."""
    return _measured("2mp")


def _measured(size: str) -> Row:
    data = photo(size)
    candidates: dict[str, Callable[[], object]] = {
        "ours": partial(previews, data),
        "limit": partial(_limit, data),
        "pyvips": partial(_pyvips_cascade, data),
        "Pillow at its best": partial(_pillow_cascade, data),
        "pyvips a size": partial(_pyvips_a_size, data),
        "Pillow a size": partial(_pillow_a_size, data),
    }
    samples: dict[str, list[float]] = {}
    with sharp(data) as others:
        for _ in range(_ROUNDS):
            for name, (rate,) in rates(candidates, rounds=1, seconds=_SLICE_SECONDS).items():
                samples.setdefault(name, []).append(rate)
            for name, kind in others.items():
                samples.setdefault(name, []).append(kind(_SLICE_SECONDS))
    return row(
        f"previews_{size}",
        "images/s",
        samples,
        higher_is_better=True,
        peers=(*(name for name in candidates if name not in {"ours", "limit"}), *SHARP),
    )
