"""Cats and dogs: one way to draw both, and two distributions of shapes.

Colours, coats, poses, light and size come from the same distributions. What tells a cat from a dog
is what tells them in life: ears, muzzle, eyes, whiskers, tail, legs. The ranges overlap: some dogs
have pricked ears, some cats folded ones, and either may hide its tail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from visionml.dataset.drawn.canvas import Points, points
from visionml.dataset.drawn.colours import Coat
from visionml.dataset.drawn.heads import Face, front, side
from visionml.dataset.drawn.pen import Pen

Kind = Literal["cat", "dog"]
Draw = Callable[[Pen, "Animal", np.random.Generator], None]


@dataclass(frozen=True)
class Animal:
    """One animal's shape; lengths in units of which its head is about two wide."""

    kind: Kind
    coat: Coat
    face: Face
    depth: float
    """Of the body."""
    leg: float
    leg_width: float
    tail: float
    tail_widths: tuple[float, float]
    tail_bend: float

    @classmethod
    def drawn(cls, kind: Kind, coat: Coat, random: np.random.Generator) -> "Animal":
        """Return any cat or any dog."""
        face = Face.cat(random) if kind == "cat" else Face.dog(random)
        if kind == "cat":
            thick = random.uniform(0.14, 0.24)
            return cls(
                kind=kind,
                coat=coat,
                face=face,
                depth=random.uniform(0.62, 0.82),
                leg=random.uniform(0.6, 0.85),
                leg_width=random.uniform(0.17, 0.24),
                tail=random.uniform(1.7, 2.6),
                tail_widths=(thick, thick * random.uniform(0.7, 1)),
                tail_bend=random.uniform(0.4, 1.2),
            )
        bushy = random.random() < 0.3
        return cls(
            kind=kind,
            coat=coat,
            face=face,
            depth=random.uniform(0.78, 1.05),
            leg=random.uniform(0.8, 1.2),
            leg_width=random.uniform(0.2, 0.3),
            tail=random.uniform(0.7, 1.5),
            tail_widths=(0.14, 0.3) if bushy else (0.22, 0.07),
            tail_bend=random.uniform(-0.3, 0.5),
        )


def draw(pen: Pen, kind: Kind, coat: Coat, random: np.random.Generator) -> None:
    """Draw an animal in a pose of its own, about five units wide and high, around the pen."""
    pose = POSES[random.integers(len(POSES))]
    pose(pen, Animal.drawn(kind, coat, random), random)


def _head(pen: Pen, animal: Animal, random: np.random.Generator, *, sideways: float) -> None:
    """Draw the head around the pen, seen from the side in that share of the pictures."""
    pen = pen.at(0, 0, angle=random.uniform(-0.2, 0.2))
    seen = side if random.random() < sideways else front
    seen(pen, animal.face, animal.coat, random)


def _tail(animal: Animal, x: float, y: float, *, rise: float) -> Points:
    """Return a line that leaves (x, y) to the left and rises by that share of its length."""
    length, bend = animal.tail, animal.tail_bend
    across, up = length * (1 - 0.5 * rise), length * rise
    return points(
        (x, y),
        (x - 0.45 * across, y - 0.15 * up),
        (x - 0.75 * across, y - 0.55 * up),
        (x - (0.75 - 0.35 * bend) * across, y - up),
    )


def standing(pen: Pen, animal: Animal, random: np.random.Generator) -> None:
    """On four legs, from the side."""
    coat, depth, leg = animal.coat, animal.depth, animal.leg
    pen = pen.at(-0.1, -0.2)
    rise = random.uniform(0.3, 0.9)
    pen.stroke(_tail(animal, -1.4, -0.4 * depth, rise=rise), coat.base, *animal.tail_widths)
    step = random.uniform(-0.3, 0.3)
    for x, colour, swing in (
        (-0.95, coat.shade, step),
        (0.85, coat.shade, -step),
        (-1.3, coat.base, -step),
        (1.15, coat.base, step),
    ):
        foot = depth + leg
        limb = points((x, 0.3 * depth), (x + 0.4 * swing, depth), (x + swing, foot))
        pen.stroke(limb, colour, animal.leg_width * 1.3, animal.leg_width * 0.8)
    arch = random.uniform(-0.1, 0.15)
    tuck = random.uniform(0.6, 0.95)
    torso = points(
        (-1.6, -0.3 * depth),
        (-0.8, -0.85 * depth - arch),
        (0.4, -0.8 * depth),
        (1.4, -0.7 * depth),
        (1.65, 0.2 * depth),
        (1.0, 0.9 * depth),
        (-0.4, tuck * 0.85 * depth),
        (-1.4, 0.7 * depth),
    )
    mask = pen.smooth(torso, coat.base)
    coat.mark(pen, mask, random, reach=1.6)
    neck = points((1.1, -0.1), (1.75, -0.9 * leg))
    pen.stroke(neck, coat.base, 0.5 * depth, 0.42)
    _head(pen.at(1.55, -0.6 - 0.5 * leg, scale=1.05), animal, random, sideways=0.4)


def sitting(pen: Pen, animal: Animal, random: np.random.Generator) -> None:
    """On its haunches, from the front."""
    coat, wide = animal.coat, animal.depth + 0.15
    pen = pen.at(0, 0.45)
    pen.stroke(
        _tail(animal, -0.5, 1.4, rise=random.uniform(0, 0.6)), coat.base, *animal.tail_widths
    )
    for x in (-0.95, 0.95):
        pen.smooth(
            points((x * wide, 0.5), (x * 1.35 * wide, 1.2), (x * wide, 1.65), (x * 0.5, 1.5)),
            coat.shade,
        )
    torso = points(
        (0, -1.3), (0.62, -0.9), (0.95 * wide, 0.5), (0.8 * wide, 1.5), (0, 1.6),
        (-0.8 * wide, 1.5), (-0.95 * wide, 0.5), (-0.62, -0.9),
    )  # fmt: skip
    mask = pen.smooth(torso, coat.base)
    coat.mark(pen, mask, random, reach=1.3)
    for x in (-0.36, 0.36):
        pen.stroke(
            points((x, 0), (x, 0.8), (x * 1.1, 1.6)), coat.base, animal.leg_width, animal.leg_width
        )
    _head(pen.at(random.uniform(-0.15, 0.15), -1.4, scale=1.2), animal, random, sideways=0.2)


def sitting_sideways(pen: Pen, animal: Animal, random: np.random.Generator) -> None:
    """On its haunches, from the side."""
    coat, wide = animal.coat, animal.depth
    pen = pen.at(-0.1, 0.45)
    rise = random.uniform(-0.05, 0.7)
    pen.stroke(_tail(animal, -0.9, 1.3, rise=rise), coat.base, *animal.tail_widths)
    leg = points((0.45, -0.3), (0.6, 0.7), (0.65, 1.5))
    pen.stroke(leg + np.array([0.25, -0.06]), coat.shade, animal.leg_width, animal.leg_width * 0.8)
    torso = points(
        (-1.3 * wide, 1.5), (-1.45 * wide, 0.5), (-0.6, -0.6), (0.1, -1.3),
        (0.75, -0.8), (0.8 * wide, 0.2), (0.3, 1.45),
    )  # fmt: skip
    mask = pen.smooth(torso, coat.base)
    coat.mark(pen, mask, random, reach=1.4)
    pen.smooth(points((-1.1, 1.0), (-0.5, 0.4), (0.15, 0.9), (0.3, 1.5), (-0.9, 1.55)), coat.base)
    pen.stroke(leg, coat.base, animal.leg_width * 1.2, animal.leg_width * 0.8)
    _head(pen.at(0.4, -1.35, scale=1.15), animal, random, sideways=0.45)


def lying(pen: Pen, animal: Animal, random: np.random.Generator) -> None:
    """On its belly, from the side, paws to the front."""
    coat, depth = animal.coat, animal.depth
    pen = pen.at(-0.2, 0.5)
    rise = random.uniform(-0.1, 0.4)
    pen.stroke(_tail(animal, -1.5, 0.5, rise=rise), coat.base, *animal.tail_widths)
    paw = points((0.8, 0.5), (1.4, 0.62), (2.1, 0.66))
    pen.stroke(paw + np.array([0.1, -0.14]), coat.shade, animal.leg_width, animal.leg_width)
    torso = points(
        (-1.9, 0.65), (-1.85, -0.3 * depth), (-0.9, -0.95 * depth), (0.5, -0.8 * depth),
        (1.3, -0.5 * depth), (1.5, 0.4), (0.9, 0.8), (-1.0, 0.82),
    )  # fmt: skip
    mask = pen.smooth(torso, coat.base)
    coat.mark(pen, mask, random, reach=1.7)
    pen.smooth(points((-1.7, 0.4), (-1.2, -0.3), (-0.5, 0.2), (-0.5, 0.8), (-1.5, 0.82)), coat.base)
    pen.stroke(paw, coat.base, animal.leg_width, animal.leg_width)
    _head(pen.at(1.1, -0.6 - 0.3 * depth, scale=1.1), animal, random, sideways=0.35)


def portrait(pen: Pen, animal: Animal, random: np.random.Generator) -> None:
    """Head and shoulders, near."""
    coat = animal.coat
    shoulders = points((-0.5, 0.3), (0.5, 0.3), (1.0, 1.1), (1.2, 2.6), (-1.2, 2.6), (-1.0, 1.1))
    near = pen.at(0, -0.3, scale=random.uniform(1.5, 1.9))
    mask = near.smooth(shoulders, coat.base)
    coat.mark(near.at(0, 1.5), mask, random, reach=1.2)
    _head(near, animal, random, sideways=0.25)


POSES: tuple[Draw, ...] = (standing, sitting, sitting_sideways, lying, portrait)
