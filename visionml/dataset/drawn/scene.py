"""A picture of one thing: where it stands, what lies behind and before it, in which light."""

import numpy as np
from numpy.typing import NDArray

from visionml.dataset.drawn import animals, things
from visionml.dataset.drawn.canvas import Canvas, Points, box, ellipse, field, points, widened
from visionml.dataset.drawn.colours import DARK, WHITE, Coat, any_colour, mixed, varied
from visionml.dataset.drawn.pen import Pen, Style

Pixels = NDArray[np.uint8]
"""(height, width, 3), RGB."""

CLASSES = tuple(sorted(["cat", "dog", *things.THINGS]))
_ANIMALS: dict[str, animals.Kind] = {"cat": "cat", "dog": "dog"}
_REACH = 2.6
"""Of a figure from its middle, in its own units."""
_DRAWINGS = 0.12
"""The share of pictures that are lines on paper."""


def draw(
    label: str,
    random: np.random.Generator,
    *,
    height: int,
    width: int,
    beside: str | None = None,
) -> Pixels:
    """Return a picture of a thing of that class; `beside` puts a second one into it."""
    paper = varied((235, 232, 225), random, by=8) if random.random() < _DRAWINGS else None
    behind = paper or any_colour(random)
    canvas = Canvas(height, width, behind)
    style = _style(random, height, width, drawing=paper is not None)
    floor = random.uniform(0.45, 0.8) * height
    if paper is None:
        _BACKGROUNDS[random.integers(len(_BACKGROUNDS))](canvas, random, floor)
    shown = [label] if beside is None else [label, beside]
    for number, name in enumerate(shown):
        pen = _placed(canvas, style, random, number, of=len(shown))
        coat = Coat.drawn(random, behind=behind, drawing=paper is not None)
        if paper is None and random.random() < 0.7:
            _shadow(pen, style)
        if name in _ANIMALS:
            animals.draw(pen, _ANIMALS[name], coat, random)
        else:
            things.THINGS[name](pen, coat, random)
    if random.random() < 0.25:
        _hide(canvas, random)
    return _developed(canvas, random)


def _style(random: np.random.Generator, height: int, width: int, *, drawing: bool) -> Style:
    lined = drawing or random.random() < 0.6
    line = DARK if random.random() < 0.6 else mixed(DARK, any_colour(random), 0.5)
    light = random.uniform(-0.22, 0.22, 2) * (0 if drawing else 1)
    return Style(
        line=line,
        line_width=random.uniform(0.025, 0.07) if lined else 0,
        light=(float(light[0]), float(light[1])),
        grain=field(random, height, width, cells=int(random.integers(12, 50))),
        grain_strength=0 if drawing else random.uniform(0, 0.18),
    )


def _placed(
    canvas: Canvas, style: Style, random: np.random.Generator, number: int, *, of: int
) -> Pen:
    """Return a pen for the figure with that number, somewhere in its part of the canvas."""
    height, width = canvas.size
    side = min(height, width / of)
    scale = side * random.uniform(0.85, 1.1) / (2 * _REACH)
    room = max(side / 2 - 0.8 * _REACH * scale, 0)
    middle = np.array([width * (number + 0.5) / of, height / 2])
    origin = middle + random.uniform(-1, 1, 2) * room
    mirrored = random.random() < 0.5
    upright = Pen(canvas, style, np.eye(2) * scale, origin)
    return upright.at(0, 0, angle=random.uniform(-0.12, 0.12), mirrored=mirrored)


def _shadow(pen: Pen, style: Style) -> None:
    lean = -3 * style.light[0]
    for size in (1.0, 0.85, 0.7):
        spot = ellipse(lean, 2.1, 2.3 * size, 0.45 * size)
        canvas = pen.canvas
        canvas.paint(canvas.mask(pen.placed(spot)), DARK, opacity=0.14)


def _plain(_canvas: Canvas, _random: np.random.Generator, _floor: float) -> None:
    """Leave one colour."""


def _gradient(canvas: Canvas, random: np.random.Generator, _floor: float) -> None:
    down = np.linspace(0, 1, canvas.size[0], dtype=np.float32)[:, None, None]
    canvas.pixels += down * (np.asarray(any_colour(random), np.float32) - canvas.pixels)


def _texture(canvas: Canvas, random: np.random.Generator, _floor: float) -> None:
    other = np.asarray(any_colour(random), np.float32) - canvas.pixels[0, 0]
    for cells, strength in ((random.integers(3, 8), 0.5), (random.integers(20, 60), 0.25)):
        noise = field(random, *canvas.size, cells=int(cells))
        canvas.pixels += (strength * np.abs(noise))[..., np.newaxis] * other


def _room(canvas: Canvas, random: np.random.Generator, floor: float) -> None:
    height, width = canvas.size
    wood = any_colour(random)
    canvas.paint(canvas.mask(box(0, floor, width, height)), wood)
    for at in np.linspace(floor, height, random.integers(2, 6)):
        canvas.paint(canvas.mask(box(0, at, width, at + 0.012 * height)), mixed(wood, DARK, 0.25))
    if random.random() < 0.6:
        left, top = random.uniform(0, 0.7) * width, random.uniform(0.02, 0.2) * height
        frame = box(left, top, left + 0.3 * width, top + 0.3 * height)
        canvas.paint(canvas.mask(frame), mixed(any_colour(random), WHITE, 0.4))
        canvas.paint(canvas.mask(widened(frame, -0.02 * width)), any_colour(random))


def _meadow(canvas: Canvas, random: np.random.Generator, floor: float) -> None:
    height, width = canvas.size
    ground = mixed((105, 150, 75), any_colour(random), random.uniform(0.2, 0.9))
    across = np.linspace(0, width, 9)
    hills = np.stack([across, floor + random.uniform(-0.08, 0.08, 9) * height], axis=1)
    shape = np.concatenate([hills, points((width, height), (0, height))])
    canvas.paint(canvas.mask(shape), ground)
    if random.random() < 0.4:
        x, y = random.uniform(0, width), random.uniform(0, 0.3) * height
        sun = ellipse(x, y, 0.08 * width, 0.08 * width)
        canvas.paint(canvas.mask(sun), (250, 235, 160))
    for _ in range(random.integers(6, 20)):
        x, y = random.uniform(0, width), random.uniform(floor, height)
        canvas.paint(canvas.mask(_blade(x, y, 0.05 * height)), mixed(ground, DARK, 0.25))


def _blade(x: float, y: float, high: float) -> Points:
    return points((x, y), (x + 0.3 * high, y), (x + 0.4 * high, y - high))


_BACKGROUNDS = (_plain, _gradient, _texture, _room, _meadow)


def _hide(canvas: Canvas, random: np.random.Generator) -> None:
    """Put something before the picture: a post, a ledge, blades of grass or a ball."""
    height, width = canvas.size
    colour = any_colour(random)
    what = random.integers(4)
    if what == 0:
        x, wide = random.uniform(0, 1) * width, random.uniform(0.03, 0.1) * width
        canvas.paint(canvas.mask(box(x, 0, x + wide, height)), colour)
    elif what == 1:
        canvas.paint(
            canvas.mask(box(0, random.uniform(0.82, 0.95) * height, width, height)), colour
        )
    elif what == 2:
        for x in random.uniform(0, width, 12):
            blade = _blade(x, height, random.uniform(0.1, 0.3) * height)
            canvas.paint(canvas.mask(blade), mixed(colour, DARK, random.uniform(0, 0.4)))
    else:
        size = random.uniform(0.07, 0.13) * height
        ball = ellipse(random.uniform(0, width), random.uniform(0.6, 1) * height, size, size)
        canvas.paint(canvas.mask(ball), colour)


def _developed(canvas: Canvas, random: np.random.Generator) -> Pixels:
    """Return the canvas in its light, with a camera's faults."""
    height, width = canvas.size
    light = (random.normal(1, 0.1) * random.normal(1, 0.04, 3)).astype(np.float32)
    slope = random.uniform(-0.25, 0.25, 2)
    down = np.linspace(1 - slope[0], 1 + slope[0], height, dtype=np.float32)
    across = np.linspace(-slope[1], slope[1], width, dtype=np.float32)
    pixels = canvas.pixels * (down[:, np.newaxis] + across)[..., np.newaxis]
    pixels *= light
    if random.random() < 0.2:
        pixels[1:-1, 1:-1] = (
            pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]
        ) / 4
    noise = random.uniform(0, 5)
    pixels += random.standard_normal(pixels.shape, np.float32) * np.float32(noise)
    developed: Pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    return developed
