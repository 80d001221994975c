"""Filled shapes with smooth edges on an array of pixels, and nothing but NumPy.

A shape is a polygon of points ``(x, y)``, y downwards. How much of a pixel it covers is summed
along each row from the places where its edges cross, as font renderers do.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2): x and y."""
Values = NDArray[np.float32]
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""

_SUB_ROWS = 3
_STEPS = 5


@dataclass(frozen=True)
class Mask:
    """How much of each pixel a shape covers, 0 to 1, in the rectangle that holds it."""

    top: int
    left: int
    covered: Values

    def within(self, other: "Mask") -> "Mask":
        """Return the part of the shape that lies in `other`."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.covered.shape[0], other.top + other.covered.shape[0])
        right = min(self.left + self.covered.shape[1], other.left + other.covered.shape[1])
        parts = [
            mask.covered[
                top - mask.top : max(top, bottom) - mask.top,
                left - mask.left : max(left, right) - mask.left,
            ]
            for mask in (self, other)
        ]
        return Mask(top, left, parts[0] * parts[1])


def mask_of(points: Points, height: int, width: int) -> Mask:
    """Return how a polygon covers a canvas of that size."""
    x, y = points[:, 0], points[:, 1]
    top, bottom = _inside(y, height)
    left, right = _inside(x, width)
    rows, columns = bottom - top, right - left
    if rows <= 0 or columns <= 0:
        return Mask(top, left, np.zeros((max(rows, 0), max(columns, 0)), np.float32))
    lines = (np.arange(rows * _SUB_ROWS) + 0.5) / _SUB_ROWS + top
    next_x, next_y = _next(x), _next(y)
    edge, line = np.nonzero((y[:, None] <= lines) != (next_y[:, None] <= lines))
    slope = (next_x - x)[edge] / (next_y - y)[edge]
    at = np.clip(x[edge] + (lines[line] - y[edge]) * slope - left, 0, columns)
    column = at.astype(np.int64)
    part = at - column
    sign = np.where(next_y > y, 1.0, -1.0)[edge]
    cell = line // _SUB_ROWS * (columns + 2) + column
    size = rows * (columns + 2)
    summed = np.bincount(cell, sign * (1 - part), size)
    summed += np.bincount(cell + 1, sign * part, size)
    covered = np.abs(np.cumsum(summed.reshape(rows, columns + 2), axis=1)[:, :columns])
    return Mask(top, left, np.minimum(covered / _SUB_ROWS, 1).astype(np.float32))


def _next(values: Points) -> Points:
    """Return what follows each, the first after the last."""
    return np.concatenate((values[1:], values[:1]))


def _inside(values: Points, size: int) -> tuple[int, int]:
    first, last = float(values.min()), float(values.max())
    return max(0, min(size, floor(first))), max(0, min(size, ceil(last)))


class Canvas:
    """Pixels to draw on: float32 (height, width, 3), 0 to 255."""

    def __init__(self, height: int, width: int, colour: Colour = (255, 255, 255)) -> None:
        self.pixels: Values = np.empty((height, width, 3), np.float32)
        self.pixels[:] = colour

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def mask(self, points: Points) -> Mask:
        """Return how a polygon covers this canvas."""
        return mask_of(points, *self.size)

    def paint(self, mask: Mask, colour: Colour | Values, *, opacity: float = 1.0) -> None:
        """Lay a colour, or one for each pixel of the mask, over what is there."""
        rows, columns = mask.covered.shape
        below = self.pixels[mask.top : mask.top + rows, mask.left : mask.left + columns]
        covered = mask.covered[..., np.newaxis] * np.float32(opacity)
        below += (np.asarray(colour, np.float32) - below) * covered

    def shaded(self, mask: Mask, colour: Colour, light: tuple[float, float]) -> Values:
        """Return a colour that grows brighter towards the light, across the mask."""
        rows, columns = mask.covered.shape
        down = np.linspace(-light[1], light[1], rows, dtype=np.float32)[:, None]
        across = np.linspace(-light[0], light[0], columns, dtype=np.float32)[None, :]
        return (1 + down + across)[..., np.newaxis] * np.asarray(colour, np.float32)


def points(*pairs: tuple[float, float]) -> Points:
    """Return points as an array."""
    return np.array(pairs, np.float64)


def curve(through: Points, *, closed: bool = True) -> Points:
    """Return a smooth line through the points: Catmull and Rom, 1974."""
    if closed:
        padded = np.concatenate([through[-1:], through, through[:2]])
    else:
        padded = np.concatenate([2 * through[:1] - through[1:2], through])
        padded = np.concatenate([padded, 2 * through[-1:] - through[-2:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 4, axis=0)
    drawn = np.einsum("st,nct->nsc", _basis(), windows).reshape(-1, 2)
    return drawn if closed else np.concatenate([drawn, through[-1:]])


@lru_cache(maxsize=1)
def _basis() -> Points:
    t = np.arange(_STEPS) / _STEPS
    return (
        np.stack(
            [
                -t + 2 * t**2 - t**3,
                2 - 5 * t**2 + 3 * t**3,
                t + 4 * t**2 - 3 * t**3,
                -(t**2) + t**3,
            ],
            axis=1,
        )
        / 2
    )


def ellipse(x: float, y: float, across: float, down: float, *, angle: float = 0) -> Points:
    """Return an ellipse of the half axes `across` and `down`, turned clockwise by radians."""
    circle = _circle() * (across, down)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned: Points = circle @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
    return turned


@lru_cache(maxsize=1)
def _circle() -> Points:
    around = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.stack([np.cos(around), np.sin(around)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Return a rectangle."""
    return points((left, top), (right, top), (right, bottom), (left, bottom))


def stroke(through: Points, first: float, last: float | None = None) -> Points:
    """Return a line through the points as a shape, from one half width to another, round ended."""
    last = first if last is None else last
    half = np.linspace(first, last, len(through))[:, None]
    along = np.gradient(through, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half
    tip = through[-1:] + along[-1:] * half[-1]
    tail = through[:1] - along[:1] * half[0]
    return np.concatenate([tail, through + across, tip, (through - across)[::-1]])


def widened(shape: Points, by: float) -> Points:
    """Return a polygon whose edges lie further out, whichever way round it is given."""
    along = _next(shape) - np.concatenate((shape[-1:], shape[:-1]))
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    x, y = shape[:, 0], shape[:, 1]
    area = float(x @ _next(y) - y @ _next(x))
    return shape + np.stack([along[:, 1], -along[:, 0]], axis=1) * (by if area > 0 else -by)


def field(random: np.random.Generator, height: int, width: int, *, cells: int) -> Values:
    """Return smooth noise of about -1 to 1, as coarse as so many cells across a side."""
    grid = random.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    return _spread(_spread(grid, height).T, width).T


def _spread(rows: Values, size: int) -> Values:
    """Return so many rows, linearly between those given."""
    at = np.linspace(0, len(rows) - 1, size, dtype=np.float32)
    above = np.minimum(at.astype(np.int64), len(rows) - 2)
    share = (at - above)[:, np.newaxis]
    spread: Values = rows[above] * (1 - share) + rows[above + 1] * share
    return spread
