"""Statistics of decoded images, a batch at a time; pure NumPy."""

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import PIXEL_STATISTICS

_BANDS = 8
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


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
    """Return the `PIXEL_STATISTICS` of each of `pixels` (n, height, width, 3), RGB: (n, 6).

    They are taken from bands of three rows, some 8 of them spread evenly over the height: all
    rows would cost ten times as much, and a server computes this for every image. The Laplacian
    is that of the bands' middle rows. At least 3 x 3 pixels are needed.
    """
    count, height, width, _ = pixels.shape
    step = max(3, height // _BANDS)
    bands = height // step
    first = (step - 3) // 2
    rows = pixels[:, : bands * step].reshape(count, bands, step, width, 3)
    values = rows[:, :, first : first + 3].astype(np.float32)
    grey = (values.reshape(-1, 3) @ _LUMA).reshape(count, bands, 3, width)
    middle = grey[:, :, 1]
    edges = middle[..., :-2] + middle[..., 2:]
    edges += grey[:, :, 0, 1:-1]
    edges += grey[:, :, 2, 1:-1]
    edges -= 4 * middle[..., 1:-1]
    flat = grey.reshape(count, -1)
    result = np.empty((count, len(PIXEL_STATISTICS)), np.float32)
    result[:, 0] = flat.mean(1)
    result[:, 1] = np.sqrt(_mean_square(flat - result[:, :1]))
    result[:, 2] = _mean_square(edges.reshape(count, -1))  # their mean is all but zero
    columns = values.reshape(count, bands * 3, width * 3).sum(1)
    result[:, 3:6] = columns.reshape(count, width, 3).sum(1) / flat.shape[1]
    return result


def _mean_square(values: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return result
