"""Colours, drawn from one distribution for everything, so that none tells what a picture shows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from visionml.dataset.drawn.canvas import Colour, Mask, ellipse, points
from visionml.dataset.drawn.pen import Pen

Pattern = Literal["plain", "stripes", "spots", "patches"]
_PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "spots", "patches")

_NATURAL: tuple[Colour, ...] = (
    (35, 32, 34),
    (70, 60, 58),
    (110, 108, 112),
    (150, 148, 150),
    (232, 228, 222),
    (205, 180, 145),
    (198, 128, 66),
    (222, 160, 92),
    (122, 80, 52),
    (84, 54, 38),
    (168, 120, 82),
    (240, 210, 170),
)
DARK: Colour = (28, 24, 26)
PINK: Colour = (226, 150, 150)
WHITE: Colour = (245, 243, 240)


def any_colour(random: np.random.Generator) -> Colour:
    """Return a colour of fur, earth and stone, or now and then any at all."""
    if random.random() < 0.15:
        return varied((*random.uniform(30, 240, 3),), random)
    return varied(_NATURAL[random.integers(len(_NATURAL))], random)


def varied(colour: tuple[float, ...], random: np.random.Generator, *, by: float = 16) -> Colour:
    """Return a colour near another."""
    red, green, blue = np.clip(np.asarray(colour) + random.normal(0, by, 3), 12, 250)
    return float(red), float(green), float(blue)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two: `share` of the other."""
    red, green, blue = np.asarray(one) * (1 - share) + np.asarray(other) * share
    return float(red), float(green), float(blue)


def _apart(one: Colour, other: Colour) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


@dataclass(frozen=True)
class Coat:
    """What covers a body or a thing: two colours and how the second lies on the first."""

    base: Colour
    second: Colour
    pattern: Pattern

    @classmethod
    def drawn(cls, random: np.random.Generator, *, behind: Colour, drawing: bool = False) -> "Coat":
        """Return a coat that stands out from what lies behind it.

        That of a line drawing does not: it leaves surfaces empty.
        """
        if drawing:
            return cls(behind, mixed(behind, DARK, 0.12), "plain")
        choice = [any_colour(random) for _ in range(6)]
        base = next((each for each in choice[:5] if _apart(each, behind) > 90), choice[4])
        second = choice[5]
        return cls(base, second, _PATTERNS[random.integers(len(_PATTERNS))])

    @property
    def shade(self) -> Colour:
        """The base colour where less light falls."""
        return mixed(self.base, DARK, 0.3)

    def mark(self, pen: Pen, mask: Mask, random: np.random.Generator, *, reach: float) -> None:
        """Lay the pattern over a shape that lies around the pen's place, as far as `reach`."""
        if self.pattern == "stripes":
            for x in np.arange(-reach, reach, reach / random.uniform(2.5, 4.5)):
                lean = random.uniform(-0.2, 0.2)
                line = points((x, -reach), (x + lean, -0.3 * reach), (x, 0.1 * reach))
                pen.stroke(line, self.second, 0.09 * reach, 0.03 * reach, within=mask)
        elif self.pattern == "spots":
            for x, y, size in random.uniform((-1, -1, 0.06), (1, 1, 0.16), (9, 3)):
                spot = ellipse(x * reach, y * reach, size * reach, size * reach * 0.8)
                pen.fill(spot, self.second, within=mask)
        elif self.pattern == "patches":
            for x, y, size in random.uniform((-1, -1, 0.3), (1, 1, 0.6), (2, 3)):
                spot = ellipse(x * reach, y * reach, size * reach, size * reach * 0.7, angle=x)
                pen.fill(spot, self.second, within=mask)
