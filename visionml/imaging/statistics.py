"""Statistics of decoded images, a batch at a time; pure NumPy."""

from collections.abc import Sequence
from functools import lru_cache
from math import log2, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import PIXEL_STATISTICS

_BANDS = 8
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # luma's weights: ITU-R BT.601
_LUMA = np.array([_RED, _GREEN, _BLUE], np.float32)
_MINUS_2 = np.float32(-2)
_MINUS_4 = np.float32(-4)  # of the Laplacian's own pixel
_NOISE = sqrt(pi / 2) / 6
_LEVELS = 32
_PER_LEVEL = np.float32(_LEVELS / 256)


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the luma of RGB `pixels` (..., height, width, 3): (..., height, width), 0 to 255."""
    result: NDArray[np.float32] = pixels.astype(np.float32) @ _LUMA
    return result


def brightness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean luma of each image of `grey` (images, height, width)."""
    result: NDArray[np.float32] = grey.mean(axis=(1, 2))
    return result


def sharpness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the variance of the Laplacian of each image of `grey` (images, height, width).

    Blur takes it away (Pech-Pacheco et al. 2000). Beyond an edge the edge's own pixels stand.
    """
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    result: NDArray[np.float32] = (around - 4 * grey).var(axis=(1, 2))
    return result


class Source(NamedTuple):
    """What is known of the file that pixels come from; `width` and `height` are upright."""

    width: int
    height: int
    bytes: int


def summary(pixels: NDArray[np.uint8], sources: Sequence[Source]) -> NDArray[np.float32]:
    """Return `PIXEL_STATISTICS` of each of `pixels` (n, height, width, 3), RGB: (n, 13)."""
    described = [describe(*each) for each in zip(pixels, sources, strict=True)]
    return np.array(described, np.float32).reshape(-1, len(PIXEL_STATISTICS))


def describe(pixels: NDArray[np.uint8], source: Source) -> tuple[float, ...]:
    """Return the `PIXEL_STATISTICS` of one image (height, width, 3), RGB, at least 3 x 3 pixels.

    They are taken from bands of three rows, some 8 of them spread evenly over the height, and
    what needs neighbours, or pixel by pixel, from the bands' middle rows: a server computes this
    for every image, where all rows would cost several times as much. So would one operation for
    a whole batch; each costs more to begin than to do.
    """
    height, width, _ = pixels.shape
    step = max(3, height // _BANDS)
    bands, first = height // step, (step - 3) // 2
    rows = pixels[: bands * step].reshape(bands, step, width * 3)[:, first : first + 3]
    values = rows.astype(np.float32).reshape(-1, 3)
    grey = values @ _LUMA
    above, middle, below = grey.reshape(bands, 3, width).transpose(1, 0, 2)
    outer = above + below
    sharpness = _power(_laplacian(middle, outer))
    noise, entropy = _noise(middle, outer), _entropy(middle)
    saturation = _saturation(values.reshape(bands, 3, width * 3)[:, 1].ravel())
    red, green, blue = (_evenly(len(values)) @ values).tolist()
    mean = _RED * red + _GREEN * green + _BLUE * blue
    brightest = max(red, green, blue)
    grey -= np.float32(mean)
    return (
        *(mean, sqrt(_power(grey)), sharpness, red, green, blue, saturation),
        1 - min(red, green, blue) / brightest if brightest else 0.0,
        *(noise, entropy, source.width / source.height),
        source.width * source.height / 1e6,
        source.bytes / (source.width * source.height),
    )


def _power(values: NDArray[np.float32]) -> float:
    """Return the mean square; of the Laplacian, whose mean is all but zero, the variance."""
    return float(values @ values) / len(values)


def _laplacian(middle: NDArray[np.float32], outer: NDArray[np.float32]) -> NDArray[np.float32]:
    edges = middle * _MINUS_4
    edges += outer
    inner = edges[:, 1:-1]
    inner += middle[:, :-2]
    inner += middle[:, 2:]
    return inner.ravel()


def _noise(middle: NDArray[np.float32], outer: NDArray[np.float32]) -> float:
    """Return Immerkaer's estimate: the second difference down of the one across, made absolute.

    J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996).
    """
    down = middle * _MINUS_2
    down += outer
    both = down[:, 1:-1] * _MINUS_2
    both += down[:, :-2]
    both += down[:, 2:]
    size: NDArray[np.float32] = np.abs(both).ravel()
    return _NOISE * float(_evenly(len(size)) @ size)


def _entropy(middle: NDArray[np.float32]) -> float:
    levels = (middle.ravel() * _PER_LEVEL).astype(np.intp)
    counts: list[int] = np.bincount(levels, minlength=_LEVELS).tolist()
    total = levels.size
    return log2(total) - sum(count * log2(count) for count in counts if count) / total


def _saturation(values: NDArray[np.float32]) -> float:
    red, green, blue = values[::3], values[1::3], values[2::3]
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    weights = _evenly(len(brightest))
    most = float(weights @ brightest)
    return 1 - float(weights @ darkest) / most if most else 0.0


@lru_cache(maxsize=64)
def _evenly(count: int) -> NDArray[np.float32]:
    return np.full(count, 1 / count, np.float32)
