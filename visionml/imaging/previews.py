"""Previews of an image: upright, in sRGB, without metadata, and never larger than the image.

A plain JPEG is decoded at the fewest eighths of its size that cover the largest preview; each
preview is then reduced from the one before it. Everything
else is decoded in full, in strips. Every byte of the picture is decoded either way, so that what
is damaged is refused here and needs no `inspect` before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import pyvips
import simplejpeg
from numpy.typing import NDArray

from visionml.contracts.settings import ImageSettings
from visionml.imaging.cascade import Extent, Packed, Shape, packed, reduced, source, unpacked
from visionml.imaging.colour import (
    changes_colours,
    jpeg_profile,
    to_srgb,
    with_profile,
)
from visionml.imaging.decode import jpeg_covering, refusal, vips_source
from visionml.imaging.header import DEFAULT_LIMITS, ImageFacts, Limits, read_header
from visionml.imaging.model_input import upright

SIZES = ImageSettings().preview_sizes
_QUALITY = 85


@dataclass(frozen=True)
class Preview:
    """One JPEG file of quality 85, and its size in pixels."""

    content: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Previews:
    """All previews of one image."""

    facts: ImageFacts
    by_size: Mapping[int, Preview]
    """By the side of the square that each fits into."""
    pixels: NDArray[np.uint8]
    """Those of the preview of the middle size before it was encoded: (rows, columns, 3), RGB."""


def previews(
    data: bytes, *, sizes: tuple[int, ...] = SIZES, limits: Limits = DEFAULT_LIMITS
) -> Previews:
    """Return the previews of a file; those that the image itself is too small for have its size.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.inspect.inspect`.
    """
    facts = read_header(data, limits)
    sides = sorted(sizes, reverse=True)
    shapes = {size: fitting(facts.height, facts.width, size) for size in sides}
    steps = tuple(dict.fromkeys(shapes.values()))
    middle = shapes[sides[len(sides) // 2]]
    made: dict[Shape, Preview] = {}
    pixels, extent = _covering(data, facts, steps)
    for shape, stored in zip(steps, reduced(pixels, steps, extent=extent), strict=True):
        colours = unpacked(upright(stored, facts.orientation))
        made[shape] = _encoded(colours)
        if shape == middle:
            shown = colours[..., :3].copy()
    by_size = {size: made[shape] for size, shape in shapes.items()}
    return Previews(facts=facts, by_size=by_size, pixels=shown)


def fitting(height: int, width: int, size: int) -> Shape:
    """Return the rows and columns that fit into a square, keep their shape and never grow."""
    longest = max(height, width)
    if longest <= size:
        return height, width
    rows, columns = ((2 * side * size + longest) // (2 * longest) for side in (height, width))
    return max(1, rows), max(1, columns)


def _covering(
    data: bytes, facts: ImageFacts, steps: tuple[Shape, ...]
) -> tuple[Packed, Extent | None]:
    """Return pixels in sRGB, as they are stored, with the first step's rows and columns or more."""
    shape = steps[0]
    extent: Extent | None = None

    def room(decoded: Shape) -> NDArray[np.uint8]:
        nonlocal extent
        extent = _extent(facts, decoded)
        return unpacked(source(extent, steps))

    pixels = jpeg_covering(data, facts, least=shape, into=room)
    if pixels is None:
        return _padded(_streamed(data, facts, shape)), None
    profile = jpeg_profile(data)
    if profile is not None and facts.mode == "grey":
        return _padded(_streamed(data, facts, shape)), None
    if profile is None or not changes_colours(profile):
        return packed(pixels), extent
    (fitted,) = reduced(packed(pixels), (shape,), extent=extent)
    image = pyvips.Image.new_from_array(
        np.ascontiguousarray(unpacked(fitted)[..., :3]), interpretation="srgb"
    )
    return _padded(to_srgb(with_profile(image, profile))), None


def _extent(facts: ImageFacts, decoded: Shape) -> Extent:
    """Return how many of the decoded rows and columns the picture covers, to an eighth.

    Where that is no whole number, previews lie up to a quarter of their pixels beside their place.
    """
    for eighths in range(1, 8):
        height, width = facts.height * eighths / 8, facts.width * eighths / 8
        if (ceil(height), ceil(width)) == decoded:
            return height, width
    return decoded


def _streamed(data: bytes, facts: ImageFacts, shape: Shape) -> pyvips.Image:
    """Decode in strips and reduce in the file's own colours, then bring those to sRGB."""
    image = vips_source(data, facts)
    height, width = shape
    try:
        if image.hasalpha():
            image = image.flatten(background=65535 if image.format == "ushort" else 255)
        if shape != (image.height, image.width):
            across, down = width / image.width, height / image.height
            image = image.resize(across, vscale=down, kernel="lanczos3")
        image = image.copy_memory()
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    return to_srgb(image)


def _padded(image: pyvips.Image) -> Packed:
    pixels = np.full((image.height, image.width, 4), 255, np.uint8)
    pixels[..., :3] = image.numpy().reshape(image.height, image.width, -1)
    return packed(pixels)


def _encoded(pixels: NDArray[np.uint8]) -> Preview:
    content: bytes = simplejpeg.encode_jpeg(pixels, _QUALITY, "RGBX", "420")
    return Preview(content=content, width=pixels.shape[1], height=pixels.shape[0])
