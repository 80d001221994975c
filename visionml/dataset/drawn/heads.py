"""Heads of cats and dogs from the front and from the side."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from visionml.dataset.drawn.canvas import Colour, ellipse, points
from visionml.dataset.drawn.colours import DARK, PINK, WHITE, Coat, mixed
from visionml.dataset.drawn.pen import Pen

Ear = Literal["pricked", "tipped", "folded", "hanging"]
_EYES: tuple[Colour, ...] = ((120, 160, 70), (200, 160, 50), (80, 130, 180), (96, 64, 40))


@dataclass(frozen=True)
class Face:
    """The shape of a head that is about two units wide."""

    width: float
    height: float
    jaw: float
    """The width of the cheeks, as a share of the head's."""
    ear: Ear
    ear_height: float
    ear_width: float
    snout: float
    """How far it stands out from the skull, seen from the side."""
    muzzle: float
    """Half the width of the muzzle, seen from the front."""
    nose: float
    eye: float
    slit: bool
    """Whether the pupils are narrow."""
    whiskers: bool
    tongue: bool

    @classmethod
    def cat(cls, random: np.random.Generator) -> "Face":
        """Return a cat's: wide, ears up, hardly any snout, large eyes."""
        return cls(
            width=random.uniform(0.95, 1.1),
            height=random.uniform(0.8, 0.94),
            jaw=random.uniform(0.88, 1.0),
            ear="pricked" if random.random() < 0.94 else "folded",
            ear_height=random.uniform(0.62, 0.95),
            ear_width=random.uniform(0.5, 0.66),
            snout=random.uniform(0.05, 0.25),
            muzzle=random.uniform(0.3, 0.42),
            nose=random.uniform(0.08, 0.13),
            eye=random.uniform(0.18, 0.26),
            slit=random.random() < 0.7,
            whiskers=random.random() < 0.9,
            tongue=random.random() < 0.03,
        )

    @classmethod
    def dog(cls, random: np.random.Generator) -> "Face":
        """Return a dog's: narrower, a snout with a large nose, ears that mostly hang."""
        return cls(
            width=random.uniform(0.76, 0.96),
            height=random.uniform(0.88, 1.04),
            jaw=random.uniform(0.68, 0.84),
            ear=_dogs_ear(random),
            ear_height=random.uniform(0.6, 0.95),
            ear_width=random.uniform(0.32, 0.46),
            snout=random.uniform(0.55, 1.0),
            muzzle=random.uniform(0.46, 0.6),
            nose=random.uniform(0.18, 0.26),
            eye=random.uniform(0.09, 0.14),
            slit=False,
            whiskers=random.random() < 0.03,
            tongue=random.random() < 0.45,
        )


def _dogs_ear(random: np.random.Generator) -> Ear:
    chance = random.random()
    if chance < 0.75:
        return "hanging"
    return "tipped" if chance < 0.87 else "pricked"


def front(pen: Pen, face: Face, coat: Coat, random: np.random.Generator) -> None:
    """Draw a head that looks at whoever looks at it."""
    wide, high = face.width, face.height
    if face.ear != "hanging":
        for mirrored in (False, True):
            _ear_up(pen.at(0, 0, mirrored=mirrored), face, coat)
    skull = points(
        (0, -high), (0.55 * wide, -0.88 * high), (wide, -0.15 * high),
        (face.jaw * wide, 0.5 * high), (0.4 * wide, 0.92 * high), (0, high),
        (-0.4 * wide, 0.92 * high), (-face.jaw * wide, 0.5 * high),
        (-wide, -0.15 * high), (-0.55 * wide, -0.88 * high),
    )  # fmt: skip
    mask = pen.smooth(skull, coat.base)
    coat.mark(pen.at(0, -0.35 * high), mask, random, reach=0.9)
    if face.ear == "hanging":
        droop = random.uniform(0.4, 0.9)
        for mirrored in (False, True):
            _ear_down(pen.at(0, 0, mirrored=mirrored), face, coat, droop)
    gaze, iris = random.uniform(-0.25, 0.25), _EYES[random.integers(len(_EYES))]
    for x in (-0.43 * wide, 0.43 * wide):
        _eye(pen.at(x, -0.1 * high), face, iris, gaze)
    _muzzle(pen.at(0, 0.28 * high), face, coat, random)


def _muzzle(pen: Pen, face: Face, coat: Coat, random: np.random.Generator) -> None:
    light = mixed(coat.base, WHITE, random.choice([0.05, 0.4, 0.7]))
    nose = DARK if random.random() < 0.6 else mixed(PINK, DARK, random.uniform(0, 0.6))
    if face.tongue:
        pen.fill(ellipse(0.05, 0.62, 0.16, 0.3), PINK)
    if face.snout < 0.3:
        for x in (-0.5 * face.muzzle, 0.5 * face.muzzle):
            pen.fill(ellipse(x, 0.24, 0.6 * face.muzzle, 0.22), light, line=False)
        tip = points((-face.nose, 0), (face.nose, 0), (0, 1.2 * face.nose))
    else:
        pen.fill(ellipse(0, 0.3, face.muzzle, 0.42), light)
        tip = ellipse(0, 0.02, 1.25 * face.nose, face.nose)
    line = mixed(DARK, coat.base, 0.1)
    for x in (-0.22, 0.22):
        mouth = points((0, 0.12), (0.15 * x, 0.3), (0.8 * x, 0.4), (1.3 * x, 0.33))
        pen.stroke(mouth, line, 0.03, line=False)
    pen.fill(tip, nose, line=False)
    if face.whiskers:
        _whiskers(pen.at(0, 0.22), face, coat)


def _whiskers(pen: Pen, face: Face, coat: Coat) -> None:
    colour = DARK if sum(coat.base) > 330 else WHITE
    for mirrored in (False, True):
        own = pen.at(0, 0, mirrored=mirrored)
        for rise in (-0.2, 0.0, 0.2):
            hair = points((0.6 * face.muzzle, 0.4 * rise), (1.35, 1.3 * rise + 0.03))
            own.stroke(hair, colour, 0.035, 0.015, line=False)


def _eye(pen: Pen, face: Face, iris: Colour, gaze: float) -> None:
    size = face.eye
    if not face.slit:
        pen.fill(ellipse(0, 0, 1.15 * size, size), WHITE if size > 0.13 else iris)
        pen.fill(ellipse(gaze * size, 0, 0.7 * size, 0.75 * size), DARK, line=False)
    else:
        pen.fill(ellipse(0, 0, 1.1 * size, size), iris)
        pen.fill(ellipse(gaze * size, 0, 0.28 * size, 0.85 * size), DARK, line=False)
    pen.fill(ellipse(0.25 * size, -0.3 * size, 0.2 * size, 0.2 * size), WHITE, line=False)


def _ear_up(pen: Pen, face: Face, coat: Coat) -> None:
    """Draw the right ear of a head that is seen from the front."""
    wide, high, up = face.width, face.height, face.ear_height
    middle = 0.62 * wide
    outer, inner = (
        (middle + face.ear_width * 0.6, -0.25 * high),
        (middle - face.ear_width, -0.8 * high),
    )
    tip = (middle + 0.3 * face.ear_width, -0.62 * high - up)
    if face.ear == "folded":
        pen.fill(points(inner, (middle + 0.2, -0.95 * high), outer), coat.base)
        pen.fill(points(inner, outer, (middle - 0.05, -0.35 * high)), coat.shade)
        return
    shape = points(
        outer, (0.55 * outer[0] + 0.45 * tip[0] + 0.06, 0.5 * (outer[1] + tip[1])), tip,
        (0.5 * (inner[0] + tip[0]) - 0.04, 0.5 * (inner[1] + tip[1])), inner,
    )  # fmt: skip
    pen.fill(shape, coat.base)
    centre = shape.mean(axis=0)
    pen.fill((shape - centre) * 0.55 + centre + (0, 0.04), mixed(PINK, coat.base, 0.5), line=False)
    if face.ear == "tipped":
        fold = points(tip, (0.5 * (tip[0] + outer[0]), 0.55 * tip[1] + 0.45 * outer[1]),
                      (tip[0] + 0.35, 0.45 * (tip[1] + outer[1])),
                      (0.5 * (tip[0] + inner[0]), 0.5 * (tip[1] + inner[1])))  # fmt: skip
        pen.fill(fold, coat.shade)


def _ear_down(pen: Pen, face: Face, coat: Coat, droop: float) -> None:
    wide, high = face.width, face.height
    leaf = points(
        (0.5 * wide, -0.9 * high), (0.95 * wide, -0.85 * high), (wide + 0.32, -0.1),
        (wide + 0.22, 0.3 + droop), (wide - 0.08, 0.25 + 0.8 * droop), (0.82 * wide, -0.2 * high),
    )  # fmt: skip
    pen.smooth(leaf, mixed(coat.second, coat.shade, 0.5))


def side(pen: Pen, face: Face, coat: Coat, random: np.random.Generator) -> None:
    """Draw a head that looks to the right."""
    high, out = face.height, 0.82 + face.snout
    if face.ear != "hanging":
        _ear_beside(pen.at(0.42, 0.05), face, coat.shade, coat)
    skull = points(
        (-0.85, 0.05), (-0.5, -0.72 * high), (0.1, -0.9 * high), (0.62, -0.5 * high),
        (0.78, 0.1), (0.6, 0.65), (0, 0.85), (-0.6, 0.65),
    )  # fmt: skip
    if face.tongue:
        pen.fill(ellipse(out - 0.2, 0.68, 0.13, 0.28), PINK)
    drop = 0.1 if face.snout < 0.3 else -0.02
    low = 0.24 if face.snout < 0.3 else 0.34
    snout = points(
        (0.3, -0.32), (0.72, -0.1 + drop), (out, drop + 0.02), (out + 0.04, 0.2 + drop),
        (out - 0.1, 0.2 + low), (0.5, 0.7), (0.1, 0.6),
    )  # fmt: skip
    light = mixed(coat.base, WHITE, random.choice([0.05, 0.4]))
    mask = pen.smooth(skull, coat.base)
    pen.smooth(snout, light)
    pen.fill(ellipse(0, 0.05, 0.66, 0.66), coat.base, line=False)
    coat.mark(pen.at(-0.1, -0.2), mask, random, reach=0.8)
    nose = ellipse(out + 0.02, drop + 0.08, 0.9 * face.nose, 0.75 * face.nose)
    pen.fill(nose, DARK if random.random() < 0.7 else mixed(PINK, DARK, 0.3), line=False)
    mouth = points((out - 0.02, 0.3 + drop), (0.7 * out, 0.42), (0.45 * out, 0.4))
    pen.stroke(mouth, DARK, 0.03, line=False)
    _eye(pen.at(0.38, -0.18 * high), face, _EYES[random.integers(len(_EYES))], 0.3)
    if face.ear == "hanging":
        long = random.uniform(0.5, 0.95)
        leaf = points((-0.35, -0.7 * high), (0.02, -0.6 * high), (-0.05, 0.2), (-0.2, long),
                      (-0.55, 0.85 * long), (-0.6, -0.1))  # fmt: skip
        pen.smooth(leaf, mixed(coat.second, coat.shade, 0.5))
    else:
        _ear_beside(pen, face, coat.base, coat)
    if face.whiskers:
        colour = DARK if sum(coat.base) > 330 else WHITE
        for rise in (-0.15, 0.05, 0.25):
            hair = points((out - 0.25, 0.28 + 0.3 * rise), (out + 0.5, 0.25 + 1.4 * rise))
            pen.stroke(hair, colour, 0.035, 0.015, line=False)


def _ear_beside(pen: Pen, face: Face, colour: Colour, coat: Coat) -> None:
    high, half = face.height, 0.62 * face.ear_width
    back, fore = (-0.3 - half, -0.45 * high), (-0.25 + half, -0.78 * high)
    if face.ear == "folded":
        pen.fill(points(back, fore, (0.1, -0.4 * high)), colour)
        return
    tip = (-0.35, -0.72 * high - face.ear_height)
    pen.fill(points(back, (-0.34 - 0.75 * half, 0.5 * (back[1] + tip[1])), tip, fore), colour)
    inner = points(
        (-0.3, 0.3 * tip[1] - 0.4), (tip[0] + 0.03, 0.85 * tip[1]), (fore[0] - 0.1, fore[1])
    )
    pen.fill(inner, mixed(PINK, coat.base, 0.5), line=False)
    if face.ear == "tipped":
        pen.fill(
            points((tip[0] - 0.14, 0.8 * tip[1]), tip, (tip[0] + 0.4, 0.75 * tip[1])), coat.shade
        )
