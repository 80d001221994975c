"""Statistics of decoded images, a batch at a time; pure NumPy."""

from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

_BANDS = 8
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # luma's weights: ITU-R BT.601
_LUMA = np.array([_RED, _GREEN, _BLUE], np.float32)
_MINUS_4 = np.float32(-4)  # of the Laplacian's own pixel


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


def summary(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the `PIXEL_STATISTICS` of each of `pixels` (n, height, width, 3), RGB: (n, 6)."""
    return np.array([describe(image) for image in pixels], np.float32).reshape(-1, 6)


def describe(pixels: NDArray[np.uint8]) -> tuple[float, float, float, float, float, float]:
    """Return the `PIXEL_STATISTICS` of one image (height, width, 3), RGB, at least 3 x 3 pixels.

    They are taken from bands of three rows, some 8 of them spread evenly over the height, and the
    Laplacian from the bands' middle rows: a server computes this for every image, where all rows
    would cost several times as much. So would one operation for a whole batch; each costs more to
    begin than to do.
    """
    height, width, _ = pixels.shape
    step = max(3, height // _BANDS)
    bands, first = height // step, (step - 3) // 2
    rows = pixels[: bands * step].reshape(bands, step, width * 3)[:, first : first + 3]
    values = rows.astype(np.float32).reshape(-1, 3)
    grey = values @ _LUMA
    above, middle, below = grey.reshape(bands, 3, width).transpose(1, 0, 2)
    edges = middle * _MINUS_4
    edges += above
    edges += below
    inner = edges[:, 1:-1]
    inner += middle[:, :-2]
    inner += middle[:, 2:]
    flat = inner.ravel()  # its mean is all but zero
    red, green, blue = (_evenly(len(values)) @ values).tolist()
    mean = _RED * red + _GREEN * green + _BLUE * blue
    grey -= np.float32(mean)
    contrast = sqrt(float(grey @ grey) / len(grey))
    return mean, contrast, float(flat @ flat) / len(flat), red, green, blue


@lru_cache(maxsize=64)
def _evenly(count: int) -> NDArray[np.float32]:
    return np.full(count, 1 / count, np.float32)
