"""Pictures in which it is known where faces and text are."""

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.fakes import photographs
from tests.fakes.pictures import Pixels

Mask = NDArray[np.bool_]

FACE_SIDE, FACE_MARGIN = 80, 60
BACKGROUNDS = ("temple", "flower", "coffee", "cat")
_LETTERS = list("ABCDEFGHKLMNPRSTUVWXYZabcdeghkmnoprstuvxz0123456789 ")


def faces(*, shown: bool = True) -> NDArray[np.uint8]:
    """Return 100 pieces of photographs, 200 x 200, each with one face or, if not shown, none.

    They are scikit-image's subset of Labeled Faces in the Wild: 25 x 25 pixels, here enlarged.
    """
    stored = np.load(str(files("skimage.data").joinpath("lfw_subset.npy")))
    chosen = (stored[:100] if shown else stored[100:]) * 255
    return np.stack([_framed(Image.fromarray(piece.astype(np.uint8))) for piece in chosen])


def _framed(piece: Image.Image) -> Pixels:
    large = piece.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BICUBIC)
    framed = np.pad(np.asarray(large), FACE_MARGIN, mode="edge")
    return np.dstack([framed] * 3)


def text(background: str, *, height: int, degrees: int, seed: int) -> tuple[Pixels, Mask]:
    """Return a photograph with a line of 12 letters on it, and where their pixels are.

    The line is nearly white on what is darker than the middle, and nearly black on the rest.
    """
    drawn = np.random.default_rng(seed)
    image = photographs.scene(background)
    line, font = Image.new("L", image.size), ImageFont.load_default(height)
    letters = "A" + "".join(drawn.choice(_LETTERS, 10)) + "Z"
    ink = ImageDraw.Draw(line)
    _, _, width, bottom = (int(side) for side in ink.textbbox((0, 0), letters, font=font))
    left = int(drawn.integers(0, max(1, image.width - width)))
    top = int(drawn.integers(20, max(21, image.height - bottom - 60)))
    ink.text((left, top), letters, fill=255, font=font)
    line = line.rotate(degrees, center=(left + width / 2, top + bottom / 2))
    mask = np.asarray(line) > 128
    dark = float(np.asarray(image.convert("L"))[mask].mean()) < 128
    image.paste((245, 245, 245) if dark else (15, 15, 15), mask=line)
    return np.asarray(image), mask
