"""What is neither cat nor dog: birds, boats, cars, cups, fish, flowers, houses and trees."""

from collections.abc import Callable

import numpy as np

from visionml.dataset.drawn.canvas import Points, box, ellipse, points
from visionml.dataset.drawn.colours import DARK, WHITE, Coat, any_colour, mixed
from visionml.dataset.drawn.pen import Pen

Draw = Callable[[Pen, Coat, np.random.Generator], None]
"""Draws a thing about five units wide and high around the pen."""


def bird(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a bird from the side, perched or on the wing."""
    flying = random.random() < 0.4
    fat = random.uniform(0.75, 1.1)
    tail = points((-1.0, 0.1), (-2.4, random.uniform(-0.5, 0.7)), (-2.3, 1.0), (-0.8, 0.6))
    pen.fill(tail, coat.second)
    if flying:
        far = points((0.2, -0.2), (0.9, -2.1), (0.2, -1.9), (-0.5, -0.1))
        pen.smooth(far, coat.shade)
    else:
        for x in (-0.1, 0.3):
            pen.stroke(
                points((x, 0.7), (x, 1.4), (x + 0.05, 1.9)), mixed(DARK, coat.second, 0.4), 0.06
            )
            pen.stroke(
                points((x - 0.2, 1.95), (x + 0.35, 1.95)), mixed(DARK, coat.second, 0.4), 0.06
            )
    body = points(
        (-1.5, 0.3), (-0.5, -0.6 * fat), (0.7, -0.7), (1.1, 0.1), (0.4, 0.9 * fat), (-0.7, 0.8)
    )
    mask = pen.smooth(body, coat.base)
    coat.mark(pen, mask, random, reach=1.2)
    head = random.uniform(0.48, 0.66)
    beak = random.uniform(0.45, 1.1)
    pen.fill(
        points((1.3, -1.15), (1.4 + beak, -0.85), (1.25, -0.7)),
        mixed(any_colour(random), DARK, 0.2),
    )
    pen.fill(ellipse(1.0, -0.9, head, head), coat.base)
    pen.fill(ellipse(1.15, -1.0, 0.11, 0.11), WHITE)
    pen.fill(ellipse(1.17, -1.0, 0.07, 0.07), DARK, line=False)
    if flying:
        near = points((0.4, -0.2), (-0.2, -2.2), (-1.1, -2.1), (-1.0, 0.1), (-0.2, 0.4))
        pen.smooth(near, coat.second)
    else:
        pen.smooth(points((0.4, -0.2), (-0.6, -0.3), (-1.7, 0.4), (-0.5, 0.6)), coat.second)


def boat(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a boat with sails or a cabin."""
    if random.random() < 0.6:
        mast = random.uniform(-0.3, 0.3)
        pen.fill(box(mast - 0.06, -2.3, mast + 0.06, 0.9), mixed(DARK, coat.base, 0.3))
        pen.fill(
            points((mast + 0.1, -2.2), (mast + random.uniform(1.2, 1.9), 0.5), (mast + 0.1, 0.5)),
            coat.second,
        )
        if random.random() < 0.7:
            pen.fill(
                points(
                    (mast - 0.1, -1.8), (mast - random.uniform(0.9, 1.5), 0.5), (mast - 0.1, 0.5)
                ),
                WHITE,
            )
    else:
        pen.fill(box(-0.9, -0.4, 0.9, 0.8), WHITE)
        pen.fill(box(-0.1, -1.5, 0.5, -0.4), coat.second)
        for x in (-0.6, 0, 0.6):
            pen.fill(ellipse(x, 0.15, 0.17, 0.17), (150, 190, 215))
    hull = points((-2.1, 0.7), (2.3, 0.65), (1.6, 1.6), (-1.5, 1.6))
    mask = pen.fill(hull, coat.base)
    pen.fill(box(-2.4, 0.9, 2.4, 1.05), coat.second, within=mask)
    for _ in range(4):
        x, y = random.uniform(-2.3, 1.8), random.uniform(1.65, 2.1)
        pen.stroke(points((x, y), (x + 0.3, y - 0.12), (x + 0.6, y)), WHITE, 0.04, line=False)


def car(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a car, a van or a small truck from the side."""
    glass = mixed((150, 190, 215), DARK, random.uniform(0, 0.6))
    roof, front = random.uniform(-1.15, -0.7), random.uniform(0.4, 1.1)
    rear = random.uniform(-2.1, -1.1)
    pen.fill(points((rear, 0.1), (rear + 0.4, roof), (front, roof), (front + 0.7, 0.1)), coat.base)
    for left, right in ((rear + 0.5, -0.15), (0.0, front + 0.35)):
        pen.fill(
            points((left, 0), (left, roof + 0.2), (right - 0.3, roof + 0.2), (right, 0)), glass
        )
    chassis = points((-2.4, 0.15), (-2.0, 0), (1.7, 0), (2.35, 0.3), (2.4, 0.95), (-2.4, 0.95))
    mask = pen.fill(chassis, coat.base)
    coat.mark(pen.at(0, 0.5), mask, random, reach=2)
    pen.fill(ellipse(2.2, 0.45, 0.14, 0.14), (250, 235, 170))
    size = random.uniform(0.42, 0.58)
    for x in (-1.4, 1.4):
        pen.fill(ellipse(x, 1.0, size, size), DARK)
        pen.fill(ellipse(x, 1.0, 0.5 * size, 0.5 * size), mixed(WHITE, DARK, 0.3))


def cup(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a cup, from a little above."""
    high, foot, deep = random.uniform(1.0, 1.6), random.uniform(0.7, 1.25), random.uniform(0.2, 0.4)
    if random.random() < 0.4:
        pen.fill(ellipse(0, high + 0.1, 2.2, 0.45), coat.second)
    handle = points((1.1, -0.6 * high), (2.0, -0.5 * high), (1.95, 0.4 * high), (0.95, 0.5 * high))
    pen.stroke(handle, coat.shade, 0.16)
    sides = points(
        (-1.35, -high),
        (1.35, -high),
        (foot, high),
        (0.5 * foot, high + 0.2),
        (-0.5 * foot, high + 0.2),
        (-foot, high),
    )
    mask = pen.fill(sides, coat.base)
    coat.mark(pen, mask, random, reach=1.4)
    pen.fill(ellipse(0, -high, 1.35, deep), mixed(coat.base, WHITE, 0.3))
    pen.fill(ellipse(0, 0.06 - high, 1.15, 0.75 * deep), mixed(any_colour(random), DARK, 0.4))
    if random.random() < 0.4:
        for x in (-0.4, 0.3):
            steam = points((x, -high - 0.4), (x + 0.2, -high - 0.8), (x, -high - 1.2))
            pen.stroke(steam, WHITE, 0.06, line=False)


def fish(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a fish from the side."""
    high, long = random.uniform(0.6, 1.2), random.uniform(1.5, 1.9)
    fork = random.uniform(0.1, 0.5)
    pen.fill(
        points((0.8 - long, 0), (-long - 0.7, -0.9), (-long - 0.7 + fork, 0), (-long - 0.7, 0.9)),
        coat.second,
    )
    pen.smooth(
        points((-0.7, -0.5 * high), (-0.4, -high - 0.6), (0.7, -high - 0.3), (0.8, -0.6 * high)),
        coat.second,
    )
    pen.fill(points((-0.2, 0.7 * high), (-0.6, high + 0.5), (0.5, 0.7 * high)), coat.second)
    body = points(
        (-long, 0.05),
        (-0.5, -0.8 * high),
        (0.7, -0.9 * high),
        (long, 0),
        (0.7, 0.9 * high),
        (-0.5, 0.8 * high),
    )
    mask = pen.smooth(body, coat.base)
    coat.mark(pen.at(-0.3, 0), mask, random, reach=1.3)
    gill = points((0.75, -0.5 * high), (0.55, 0), (0.75, 0.5 * high))
    pen.stroke(gill, coat.shade, 0.05, line=False)
    pen.fill(ellipse(1.15, -0.2 * high, 0.2, 0.2), WHITE)
    pen.fill(ellipse(1.18, -0.2 * high, 0.1, 0.1), DARK, line=False)


def flower(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw one flower or three."""
    green = mixed((70, 130, 60), any_colour(random), 0.4)
    places = [(0.0, -0.9, 1.0)]
    if random.random() < 0.4:
        places = [(-1.35, -0.2, 0.75), (1.3, -0.5, 0.75), (0.0, -1.3, 0.85)]
    petals, thin = random.integers(5, 12), random.uniform(0.22, 0.42)
    for x, y, size in places:
        pen.stroke(points((x, y), (0.6 * x, 1.0), (0.2 * x, 2.4)), green, 0.09)
        side = 1 if random.random() < 0.5 else -1
        pen.fill(ellipse(0.5 * x + 0.5 * side, 1.4, 0.6, 0.2, angle=-0.6 * side), green)
        for turn in np.linspace(0, 2 * np.pi, petals, endpoint=False):
            petal = ellipse(0.85, 0, 0.6, thin)
            pen.at(x, y, scale=size, angle=turn).fill(petal, coat.base)
        pen.fill(ellipse(x, y, 0.42 * size, 0.42 * size), coat.second)


def house(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a house from the front, with one floor or two."""
    wide, high = random.uniform(1.3, 2.1), random.uniform(1.0, 1.9)
    top, ridge = 1.9 - high, random.uniform(0.7, 1.4)
    if random.random() < 0.5:
        x = random.uniform(0.3, 0.7) * wide
        pen.fill(box(x, top - ridge - 0.1, x + 0.35, top), coat.shade)
    walls = box(-wide, top, wide, 1.9)
    mask = pen.fill(walls, coat.base)
    if coat.pattern == "stripes":
        for y in np.arange(top, 1.9, 0.22):
            pen.fill(box(-wide, y, wide, y + 0.04), coat.shade, within=mask)
    flat = random.uniform(0, 0.8) * wide
    pen.fill(
        points((-wide - 0.3, top), (-flat, top - ridge), (flat, top - ridge), (wide + 0.3, top)),
        coat.second,
    )
    door = random.uniform(-0.5, 0.3) * wide
    pen.fill(box(door, 1.0, door + 0.55, 1.9), mixed(coat.second, DARK, 0.4))
    glass = mixed((170, 200, 220), (250, 220, 120), random.uniform(0, 1))
    for y in np.arange(top + 0.25, 1.0, 0.85):
        for x in (-0.75 * wide, 0.7 * wide - 0.4):
            pen.fill(box(x, y, x + 0.5, y + 0.45), glass)
            pen.fill(box(x + 0.22, y, x + 0.27, y + 0.45), DARK, line=False)


def tree(pen: Pen, coat: Coat, random: np.random.Generator) -> None:
    """Draw a tree with a round crown, a fir or a bare tree."""
    wood = mixed(any_colour(random), DARK, 0.4)
    kind = random.integers(3)
    trunk = points((0, 2.3), (random.uniform(-0.1, 0.1), 1.0), (random.uniform(-0.2, 0.2), -0.2))
    pen.stroke(trunk, wood, random.uniform(0.2, 0.35), 0.12)
    if kind == 0:
        for x, y, size in random.uniform((-1.1, -1.5, 0.6), (1.1, 0.3, 1.0), (8, 3)):
            pen.fill(
                ellipse(x, y, size, 0.9 * size),
                mixed(coat.base, coat.second, random.uniform(0, 0.4)),
            )
    elif kind == 1:
        for y, wide in ((1.2, 1.6), (0.3, 1.3), (-0.6, 0.95), (-1.4, 0.6)):
            pen.fill(points((-wide, y), (0, y - 1.4), (wide, y), (0, y + 0.15)), coat.base)
    else:
        for _ in range(7):
            y = random.uniform(-0.6, 0.8)
            reach, up = random.uniform(-1.7, 1.7), random.uniform(0.5, 1.5)
            pen.stroke(_branch(y, reach, up), wood, 0.16, 0.05)
            pen.stroke(_branch(y, 0.4 * reach, 1.3 * up), wood, 0.12, 0.05)


def _branch(y: float, reach: float, up: float) -> Points:
    return points((0, y), (0.45 * reach, y - 0.4 * up), (reach, y - up))


THINGS: dict[str, Draw] = {
    "bird": bird,
    "boat": boat,
    "car": car,
    "cup": cup,
    "fish": fish,
    "flower": flower,
    "house": house,
    "tree": tree,
}
