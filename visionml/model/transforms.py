"""Pixels to what a graph expects; training, evaluation and serving all use this one function.

It is NumPy only, so that the three agree bit for bit and serving needs no PyTorch.
"""

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.model import InputRecord

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
"""Defaults for models that learn from nothing; the figures in use travel in the record."""


def normalise(pixels: NDArray[np.uint8], record: InputRecord) -> NDArray[np.float32]:
    """Return `pixels` (n, height, width, 3) as float32 (n, 3, height, width), normalised.

    Each value depends on its own pixel alone: neither the batch nor the machine changes it.
    """
    count, height, width, _ = pixels.shape
    result = np.empty((count, 3, height, width), np.float32)
    for channel in range(3):
        scale = np.float32(1 / (255 * record.std[channel]))
        offset = np.float32(-record.mean[channel] / record.std[channel])
        plane = result[:, channel]
        np.multiply(pixels[..., channel], scale, out=plane, dtype=np.float32)
        plane += offset
    return result
