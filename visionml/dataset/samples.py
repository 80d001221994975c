"""The sample set: 1,797 real scanned digits, written as one PNG file each; and two photographs.

Source, licence and counts are in ``data_samples/README.md``.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from visionml.errors import MachineUnfit


def write_digits(folder: Path, *, digits: Sequence[int] = range(10), brightness: float = 1) -> Path:
    """Write ``folder/{digit}/digit-{index}.png``, 8x8 grey pixels each, and return the folder.

    The bytes are the same on every machine, so every import of them gives the same dataset
    version. Files that are there already with these bytes are left alone. `brightness` is a factor
    between 0 and 1 for those who want dim scans.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415  (notebooks have it, jobs not)
    except ModuleNotFoundError as error:
        raise _missing() from error
    scans = load_digits()
    pixels = np.rint(scans.images * (255 / 16 * brightness)).astype(np.uint8)
    for label in digits:
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for index, (image, label) in enumerate(zip(pixels, scans.target, strict=True)):
        if label not in digits:
            continue
        path = folder / str(label) / f"digit-{index:04d}.png"
        content = grey_png(image)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return folder


def photograph(name: str = "china") -> bytes:
    """Return a photograph as the JPEG file that scikit-learn ships: ``china`` or ``flower``."""
    try:
        return resources.files("sklearn.datasets.images").joinpath(f"{name}.jpg").read_bytes()
    except ModuleNotFoundError as error:
        raise _missing() from error


def enlarged(content: bytes, *, megapixels: float) -> bytes:
    """Return a JPEG of about so many pixels, as a camera makes them: the photograph, tiled."""
    pixels = simplejpeg.decode_jpeg(content)
    height, width, _ = pixels.shape
    times = math.ceil(math.sqrt(megapixels * 1e6 / (height * width)))
    side = math.sqrt(megapixels * 1e6 / (height * width))
    tiled = np.tile(pixels, (times, times, 1))[: round(height * side), : round(width * side)]
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(tiled), quality=95))


def cuttings(*, height: int, width: int, most: int = 200, seed: int = 0) -> NDArray[np.uint8]:
    """Return pieces of the photographs, (images, height, width, 3): things that are no class."""
    chance = np.random.default_rng(seed)
    found = np.empty((most, height, width, 3), np.uint8)
    for place in range(most):
        pixels = _photographs()[place % 2]
        rows, columns = pixels.shape[:2]
        step = max(1, min(rows // height, columns // width) // 2)
        top = int(chance.integers(rows - (height - 1) * step))
        left = int(chance.integers(columns - (width - 1) * step))
        found[place] = pixels[top::step, left::step][:height, :width]
    return found


@cache
def _photographs() -> tuple[NDArray[np.uint8], ...]:
    return tuple(simplejpeg.decode_jpeg(photograph(name)) for name in ("china", "flower"))


def _missing() -> MachineUnfit:
    return MachineUnfit(
        "The samples come from scikit-learn, which is not installed.",
        hint="Run `pip install 'visionml[notebooks]'`.",
    )


def grey_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode ``pixels`` (height, width) as a PNG whose bytes depend on nothing but the pixels.

    The rows are stored uncompressed: a compressed stream differs between builds of zlib.
    """
    height, width = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, level=0))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
