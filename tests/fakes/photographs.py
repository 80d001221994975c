"""A folder per class of photographs that this project did not make, and odd files among them.

The photographs ship with scikit-learn and scikit-image. Each is one class, and its images are
pieces of it. A photograph is divided into tiles, and pieces never reach over a tile's edge: pieces
of one tile overlap, those of two tiles share no pixel. So the tile is the group of an image.
"""

import random
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from tests.fakes import pictures

SCENES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
}
"""By class: the package and the file in it."""

GROUP_PATTERN = r"tile-\d+-\d+"
COLUMNS, ROWS = 6, 4
_SMALLEST = 0.6
_FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def scene(label: str) -> Image.Image:
    """Return a class's whole photograph."""
    package, path = SCENES[label]
    with Image.open(str(files(package).joinpath(path))) as image:
        return image.convert("RGB")


def write(folder: Path, *, per_tile: int = 2, seed: int = 0) -> Path:
    """Write `per_tile` pieces of each tile of each photograph; return `folder`."""
    drawn = random.Random(seed)
    for number, label in enumerate(SCENES):
        photograph, inside = scene(label), folder / label
        inside.mkdir(parents=True)
        for tile in range(COLUMNS * ROWS):
            for piece in range(per_tile):
                image = _piece(photograph, tile, drawn)
                suffix = drawn.choice(sorted(_FORMATS))
                name = f"tile-{number}-{tile:02d}-{piece}.{suffix}"
                image.save(inside / name, _FORMATS[suffix])
    return folder


def write_odd(folder: Path) -> dict[str, str]:
    """Add files of unusual kinds; return by name why those are refused that are no good."""
    cat, rocket = folder / "cat", folder / "rocket"
    image = scene("cat").crop((0, 0, 75, 75))
    pixels = np.asarray(scene("cat").crop((75, 0, 150, 75)), np.uint16) * 257
    (cat / "tile-1-00-print.jpg").write_bytes(pictures.encoded(image.convert("CMYK"), "JPEG"))
    (cat / "tile-1-00-turned.jpg").write_bytes(pictures.with_orientation(image, 6))
    (cat / "tile-1-00-grey.png").write_bytes(pictures.encoded(image.convert("L"), "PNG"))
    (cat / "tile-1-00-palette.png").write_bytes(pictures.encoded(image.quantize(64), "PNG"))
    (cat / "tile-1-01-deep.png").write_bytes(pictures.sixteen_bit_png(pixels))
    whole = pictures.encoded(scene("rocket"), "JPEG")
    (rocket / "cut-off.jpg").write_bytes(whole[: len(whole) // 2])
    (rocket / "bomb.png").write_bytes(pictures.png_bomb())
    (rocket / "notes.jpg").write_text("The launch was on a Tuesday.\n", encoding="utf-8")
    (rocket / "empty.jpg").write_bytes(b"")
    turning = [image, image.rotate(90)]
    turning[0].save(rocket / "moving.webp", save_all=True, append_images=turning[1:])
    (rocket / "drawing.gif").write_bytes(pictures.encoded(image.convert("P"), "GIF"))
    (rocket / "tile-4-00-again.jpg").write_bytes((cat / "tile-1-00-grey.png").read_bytes())
    return {
        "rocket/cut-off.jpg": "truncated",
        "rocket/bomb.png": "too_many_pixels",
        "rocket/notes.jpg": "unsupported",
        "rocket/empty.jpg": "empty",
        "rocket/moving.webp": "animated",
        "rocket/drawing.gif": "unsupported",
        "rocket/tile-4-00-again.jpg": "conflicting_label",
        "cat/tile-1-00-grey.png": "conflicting_label",
    }


def _piece(photograph: Image.Image, tile: int, drawn: random.Random) -> Image.Image:
    """Return a part of a tile, at 0.75 to 3 times the size that it has in the photograph."""
    width, height = photograph.width // COLUMNS, photograph.height // ROWS
    wide, high = (int(side * drawn.uniform(_SMALLEST, 1)) for side in (width, height))
    left = tile % COLUMNS * width + drawn.randint(0, width - wide)
    top = tile // COLUMNS * height + drawn.randint(0, height - high)
    image = photograph.crop((left, top, left + wide, top + high))
    scale = drawn.uniform(0.75, 3)
    return image.resize((int(wide * scale), int(high * scale)), Image.Resampling.LANCZOS)
