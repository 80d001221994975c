"""Pixels reduced step by step in memory, as fast as libvips can on one core.

Measured on 816 x 612 pixels to 800, 300 and 150: libvips takes longer to set up a reduction than
to run a small one, so each thread keeps those of the last shapes, each with the memory that it
reads, and the images of one camera share them. It reduces columns three times as fast as rows, so
rows are turned into columns; a pixel's four bytes travel as one number, which is quickly turned.
"""

import threading
from collections.abc import Iterator
from functools import lru_cache
from math import ceil

import numpy as np
import pyvips
from numpy.typing import NDArray

from visionml.imaging.model_input import window

Packed = NDArray[np.uint32]
"""(rows, columns): the four bytes of a pixel, RGBX, as one number."""

Shape = tuple[int, int]
"""Rows and columns."""

Extent = tuple[float, float]
"""Rows and columns, of which the last ones may be partly beyond the picture's edge."""

_STRIP = 100  # rows that stay in a core's own cache
_KEPT = 3  # shapes for each thread, of 8 MB for a photograph and 20 MB at most


def packed(pixels: NDArray[np.uint8]) -> Packed:
    """Return (rows, columns, 4) contiguous bytes as (rows, columns) numbers, without a copy."""
    result: Packed = pixels.view(np.uint32)[..., 0]
    return result


def unpacked(pixels: Packed) -> NDArray[np.uint8]:
    """Return (rows, columns) numbers as (rows, columns, 4) contiguous bytes."""
    whole = np.ascontiguousarray(pixels)
    return whole.view(np.uint8).reshape(*whole.shape, 4)


def source(extent: Extent, steps: tuple[Shape, ...]) -> Packed:
    """Return memory from which `reduced` takes these steps without a copy."""
    return _mine.cascade(extent, steps).source


def reduced(
    pixels: Packed, steps: tuple[Shape, ...], *, extent: Extent | None = None
) -> Iterator[Packed]:
    """Yield the pixels at each of `steps`, each smaller than the one before.

    What is yielded holds until the next is asked for. Reduction is by Lanczos (three lobes).
    """
    cascade = _mine.cascade(extent or (float(len(pixels)), float(len(pixels.T))), steps)
    if not np.may_share_memory(pixels, cascade.source):
        np.copyto(cascade.source, pixels)
    yield from cascade.run()


class _Pass:
    """The rows of an array reduced to fewer."""

    def __init__(self, source: Packed, extent: float, target: int) -> None:
        self.source = source
        self._window = window(extent, target, extent / target)
        rows, columns = self._window.length, source.shape[1]
        seen = source[self._window.start :][:rows]
        self._image = pyvips.Image.new_from_memory(seen.data, columns, rows, 4, "uchar")
        self._region = pyvips.Region.new(self._image.reducev(extent / target, kernel="lanczos3"))

    def into(self, result: Packed) -> None:
        """Write into `result` what `source` holds now."""
        self._image.invalidate()  # libvips takes what it has read before for what is there
        first = self._window.output_start
        target, columns = result.shape
        for row in range(0, target, _STRIP):
            rows = min(_STRIP, target - row)
            strip = self._region.fetch(0, first + row, columns, rows)
            result[row : row + rows] = np.frombuffer(strip, np.uint32).reshape(rows, columns)


class _Step:
    """An array reduced both ways, by one pass for each."""

    def __init__(self, source: Packed, extent: Extent, turned: Packed, result: Packed) -> None:
        self._source = source
        self._result = result
        height, width = result.shape
        self._down = _Pass(source, extent[0], height) if len(source) != height else None
        self._across = _Pass(turned, extent[1], width) if len(turned) != width else None

    def run(self) -> Packed:
        between = self._result if self._across is None else self._across.source.T
        if self._down is None:
            np.copyto(between, self._source)
        else:
            self._down.into(between)
        if self._across is not None:
            self._across.into(self._result.T)
        return self._result


class _Cascade:
    """Steps of which each reads what the one before has written."""

    def __init__(self, extent: Extent, shapes: tuple[Shape, ...]) -> None:
        start = (ceil(extent[0]), ceil(extent[1]))
        turned = [
            (columns, height)
            for (_, columns), (height, _) in zip((start, *shapes), shapes, strict=False)
        ]
        memory = _memory([start, *shapes, *turned])
        self.source = memory[0]
        results = memory[1 : len(shapes) + 1]
        extents: list[Extent] = [extent, *shapes[:-1]]
        self._steps = [
            _Step(*arrays)
            for arrays in zip(memory, extents, memory[len(shapes) + 1 :], results, strict=False)
        ]

    def run(self) -> Iterator[Packed]:
        for step in self._steps:
            yield step.run()


def _memory(shapes: list[Shape]) -> list[Packed]:
    """Return arrays from one piece of memory: from 4 MB on, NumPy asks for huge pages."""
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    parts = np.split(np.empty(ends[-1], np.uint32), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


class _Mine(threading.local):
    def __init__(self) -> None:
        self.cascade = lru_cache(maxsize=_KEPT)(_Cascade)


_mine = _Mine()
