"""What draws in a figure's own units, wherever on the canvas and at whichever angle it stands."""

from dataclasses import dataclass, replace

import numpy as np

from visionml.dataset.drawn.canvas import (
    Canvas,
    Colour,
    Mask,
    Points,
    Values,
    curve,
    stroke,
    widened,
)


@dataclass(frozen=True)
class Style:
    """How a picture is drawn: its lines, its light, its surface."""

    line: Colour
    line_width: float
    """In the figure's units; 0 for none."""
    light: tuple[float, float]
    """How much brighter things are towards the right and the bottom: both ends of -1 to 1."""
    grain: Values
    """Noise of the canvas' size that makes surfaces uneven."""
    grain_strength: float


@dataclass(frozen=True)
class Pen:
    """A place on a canvas: figures are drawn around (0, 0) in units of their own."""

    canvas: Canvas
    style: Style
    matrix: Points
    """(2, 2): what a step of one unit to the right and downwards becomes, in pixels."""
    origin: Points
    """(2,)"""

    def at(
        self, x: float, y: float, *, scale: float = 1, angle: float = 0, mirrored: bool = False
    ) -> "Pen":
        """Return a pen that stands elsewhere, and is turned clockwise by radians."""
        cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
        turn = np.array([[cosine, sine], [-sine, cosine]])
        flip = np.array([[-1.0, 0], [0, 1.0]]) if mirrored else np.eye(2)
        origin = np.array([x, y]) @ self.matrix + self.origin
        return replace(self, matrix=flip @ turn @ self.matrix, origin=origin)

    @property
    def unit(self) -> float:
        """The length of one unit in pixels."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def placed(self, shape: Points) -> Points:
        """Return a shape in pixels."""
        return shape @ self.matrix + self.origin

    def fill(
        self,
        shape: Points,
        colour: Colour,
        *,
        within: Mask | None = None,
        line: bool = True,
        opacity: float = 1.0,
    ) -> Mask:
        """Draw a shape, outlined in the style's manner, and return where it lies."""
        placed = self.placed(shape)
        width = self.style.line_width * self.unit
        if line and within is None and width > 0.3:
            self.canvas.paint(self.canvas.mask(widened(placed, width)), self.style.line)
        mask = self.canvas.mask(placed)
        if within is not None:
            mask = mask.within(within)
        if mask.covered.size:
            self.canvas.paint(mask, self._surface(mask, colour), opacity=opacity)
        return mask

    def smooth(
        self, through: Points, colour: Colour, *, within: Mask | None = None, line: bool = True
    ) -> Mask:
        """Draw the shape that a smooth closed line through the points bounds."""
        return self.fill(curve(through), colour, within=within, line=line)

    def stroke(
        self,
        through: Points,
        colour: Colour,
        first: float,
        last: float | None = None,
        *,
        line: bool = True,
        within: Mask | None = None,
    ) -> Mask:
        """Draw a smooth line through the points, from one half width to another."""
        shape = stroke(curve(through, closed=False), first, last)
        return self.fill(shape, colour, line=line, within=within)

    def _surface(self, mask: Mask, colour: Colour) -> Values:
        surface = self.canvas.shaded(mask, colour, self.style.light)
        rows, columns = mask.covered.shape
        part = self.style.grain[mask.top : mask.top + rows, mask.left : mask.left + columns]
        surface *= (1 + self.style.grain_strength * part)[..., np.newaxis]
        return surface
