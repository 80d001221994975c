"""The drawn set as files: one JPEG each, in one folder per class."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg

from visionml.dataset.drawn.scene import CLASSES, draw
from visionml.errors import InvalidInput

IMAGES = 2400
SEED = 7

_ANIMALS = ("cat", "dog")
_OTHERS = tuple(name for name in CLASSES if name not in _ANIMALS)
_SIZES = ((160, 160), (160, 200), (200, 160), (180, 240), (240, 180), (240, 320), (480, 640))
_SIZE_SHARES = (0.3, 0.2, 0.2, 0.12, 0.1, 0.06, 0.02)


class Drawing(NamedTuple):
    """One picture of the set."""

    label: str
    name: str
    content: bytes
    """A JPEG file."""


def drawings(images: int = IMAGES, *, seed: int = SEED) -> Iterator[Drawing]:
    """Yield that many pictures, a quarter of them cats and a quarter dogs.

    Each follows from the seed and its number alone: a larger set begins as a smaller one does.
    """
    for number in range(images):
        label = label_of(number)
        yield Drawing(label, f"{label}-{number:05d}.jpg", drawing(label, [seed, number]))


def drawing(label: str, seed: int | list[int], *, beside: str | None = None) -> bytes:
    """Return a picture of a thing of that class as a JPEG file, 160 to 640 pixels wide.

    `beside` puts a second thing into it.

    Raises
    ------
    InvalidInput
        There is no such class.
    """
    unknown = {label, beside or label} - set(CLASSES)
    if unknown:
        raise InvalidInput(
            f"Nobody has drawn a {min(unknown)}.", hint=f"Known are {', '.join(CLASSES)}."
        )
    random = np.random.default_rng(seed)
    height, width = _SIZES[random.choice(len(_SIZES), p=_SIZE_SHARES)]
    pixels = draw(label, random, height=height, width=width, beside=beside)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=int(random.integers(80, 96))))


def label_of(number: int) -> str:
    """Return the class of the picture with that number: cat, dog and two others in turn."""
    place = number % 4
    if place < 2:
        return _ANIMALS[place]
    return _OTHERS[(number // 4 * 2 + place - 2) % len(_OTHERS)]


def write_animals(folder: Path, *, images: int = IMAGES, seed: int = SEED) -> Path:
    """Write ``folder/{class}/{class}-{number}.jpg`` and return the folder.

    The same seed gives the same pictures. Files that are there already are left alone.

    Raises
    ------
    InvalidInput
        There would be fewer than one image of each class.
    """
    if images < 2 * len(_OTHERS):
        raise InvalidInput(
            f"{images} images are too few for {len(CLASSES)} classes.",
            hint=f"Draw at least {2 * len(_OTHERS)}.",
        )
    for label in CLASSES:
        (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(images):
        label = label_of(number)
        path = folder / label / f"{label}-{number:05d}.jpg"
        if not path.exists():
            path.write_bytes(drawing(label, [seed, number]))
    return folder
