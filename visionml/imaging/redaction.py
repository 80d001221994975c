"""Faces and text hidden in the original's pixels, so that nothing after it ever shows them.

An engine finds regions in a picture of at most `FIND_SIDE` pixels on its longer side; they are
hidden in the full picture, with a margin, and what was hidden cannot be computed back: a blurred
region keeps a few mean colours, a boxed one nothing.
"""

from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import Protocol

import numpy as np
import pyvips
from numpy.typing import NDArray

from visionml.contracts.intake import RedactionMethod, RedactionRecord, Region, RegionKind
from visionml.imaging.clean import cleaned, encoded, upright_srgb
from visionml.imaging.header import DEFAULT_LIMITS, ImageFormat, Limits, read_header

FIND_SIDE = 1280
_MARGIN = 0.15
_CELLS = 3

Pixels = NDArray[np.uint8]
"""(rows, columns, 3), RGB, upright."""


class Redactor(Protocol):
    """An engine that finds what to hide."""

    @property
    def name(self) -> str:
        """The engine and its version, for the audit record."""

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        """Return where faces or text are; regions may overlap."""


@dataclass(frozen=True)
class Redacted:
    """A file of the same format, upright, in sRGB, without metadata, and what it hides."""

    content: bytes
    format: ImageFormat
    record: RedactionRecord


def redacted(
    data: bytes,
    redactor: Redactor,
    *,
    kinds: frozenset[RegionKind] = frozenset(RegionKind),
    method: RedactionMethod = RedactionMethod.BLUR,
    limits: Limits = DEFAULT_LIMITS,
) -> Redacted:
    """Return the image with faces and text hidden; one that shows none is `cleaned` only.

    Transparent parts become white where something is hidden: they could hold what they hide.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.inspect.inspect`.
    """
    facts = read_header(data, limits)
    image = upright_srgb(data, facts)
    opaque = image.flatten(background=255) if image.hasalpha() else image
    pixels = np.array(opaque.numpy())
    found = regions_in(opaque, redactor, kinds)
    regions = tuple(widened(region, *pixels.shape[:2]) for region in found)
    if regions:
        shown = pyvips.Image.new_from_array(hidden(pixels, regions, method), interpretation="srgb")
        content = encoded(shown, data, facts)
    else:
        content = cleaned(data, limits).content
    record = RedactionRecord(
        engine=redactor.name,
        method=method,
        looked_for=tuple(sorted(kinds)),
        regions=regions,
        original_sha256=sha256(data).hexdigest(),
        redacted_sha256=sha256(content).hexdigest(),
    )
    return Redacted(content, facts.format, record)


def regions_in(
    image: pyvips.Image, redactor: Redactor, kinds: frozenset[RegionKind]
) -> list[Region]:
    """Return what an engine finds in an opaque picture, which it sees at a bounded size."""
    scale = max(1.0, max(image.width, image.height) / FIND_SIDE)
    small = image.resize(1 / scale) if scale > 1 else image
    found = []
    for region in redactor.find(np.array(small.numpy()), kinds):
        top, left = int(region.top * scale), int(region.left * scale)
        height, width = ceil(region.height * scale), ceil(region.width * scale)
        found.append(Region(kind=region.kind, top=top, left=left, height=height, width=width))
    return found


def widened(region: Region, rows: int, columns: int) -> Region:
    """Return the region with a margin, cut at the edges of a picture of `rows` and `columns`."""
    margin = ceil(_MARGIN * min(region.height, region.width)) + 2
    top, left = max(0, region.top - margin), max(0, region.left - margin)
    bottom = min(rows, region.top + region.height + margin)
    right = min(columns, region.left + region.width + margin)
    return Region(kind=region.kind, top=top, left=left, height=bottom - top, width=right - left)


def hidden(pixels: Pixels, regions: tuple[Region, ...], method: RedactionMethod) -> Pixels:
    """Return a copy of the pixels in which the regions cannot be recognised."""
    result = pixels.copy()
    for region in regions:
        part = result[region.top :, region.left :][: region.height, : region.width]
        part[:] = 0 if method == RedactionMethod.BOX else _blurred(part)
    return result


def _blurred(part: Pixels) -> Pixels:
    """Return mean colours of a coarse grid, its cells as wide as high, faded into one another."""
    height, width, _ = part.shape
    side = max(1, ceil(min(height, width) / _CELLS), ceil(max(height, width) / 64))
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(part.astype(np.float32), rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    grid = pyvips.Image.new_from_array(sums / counts[..., np.newaxis])
    smooth = grid.resize(width / grid.width, vscale=height / grid.height, kernel="linear")
    result: Pixels = smooth.rint().cast("uchar").numpy().reshape(part.shape)
    return result
