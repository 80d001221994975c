"""Statistics of decoded images, a batch at a time; pure NumPy."""

import numpy as np
from numpy.typing import NDArray

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
