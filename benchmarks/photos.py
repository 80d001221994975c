"""Photographs of a camera's size and grain, made from those that scikit-learn brings."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

SIZES = {"12mp": (4000, 3000), "2mp": (1632, 1224), "0.3mp": (640, 480)}
_GRAIN = 3.0


@lru_cache
def photo(size: str) -> bytes:
    """Return a JPEG file of one of `SIZES`, as a camera writes it: quality 90, 4:2:0."""
    width, height = SIZES[size]
    source = Image.fromarray(load_sample_images().images[0])
    enlarged = source.resize((width, height), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(0).normal(0, _GRAIN, (height, width, 1))
    pixels = np.clip(np.asarray(enlarged) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90, subsampling="4:2:0")
    return buffer.getvalue()
