"""Good and hostile image files, made here, so that none has to be stored or fetched."""

import io
import struct
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_images

Pixels = NDArray[np.uint8]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
"""A colour profile as cameras write it."""


@lru_cache(maxsize=2)
def photo(index: int = 0) -> Image.Image:
    """Return one of scikit-learn's two photographs, 640 x 427."""
    return Image.fromarray(load_sample_images().images[index])


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the image as a file of a kind that Pillow writes, such as ``JPEG``."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners() -> Image.Image:
    """Return a picture, 60 x 40, whose four quarters differ: red, green, blue, yellow."""
    image = Image.new("RGB", (60, 40))
    for box, colour in (
        ((0, 0, 30, 20), (255, 0, 0)),
        ((30, 0, 60, 20), (0, 255, 0)),
        ((0, 20, 30, 40), (0, 0, 255)),
        ((30, 20, 60, 40), (255, 255, 0)),
    ):
        image.paste(colour, box)
    return image


def swapped_profile() -> bytes:
    """Return a profile whose red is sRGB's blue, and the other way round."""
    profile = bytearray(SRGB)
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return random pixels."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def with_orientation(image: Image.Image, orientation: int, kind: str = "JPEG") -> bytes:
    """Return a file that a viewer turns as Exif's `orientation` says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "WEBP":
        options = {"lossless": True}
    return encoded(image, kind, exif=exif.tobytes(), **options)


def sixteen_bit_png(values: NDArray[np.uint16]) -> bytes:
    """Return a PNG file of (height, width, channels) values, 16 bits each."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """Return a PNG file of some kilobytes that would decode to gigabytes."""
    rows = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + png_chunk(b"IDAT", rows)
        + png_chunk(b"IEND", b"")
    )


def jpeg_bomb(width: int = 10_000, height: int = 10_000) -> bytes:
    """Return a JPEG file whose header declares `width` x `height` pixels."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_bomb(side: int = 16_383) -> bytes:
    """Return a WebP file whose header declares `side` x `side` pixels."""
    canvas = (side - 1).to_bytes(3, "little") * 2
    header = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    frame = encoded(Image.new("RGB", (8, 8)), "WEBP")[12:]
    body = b"WEBP" + header + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return one PNG chunk."""
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def psnr(found: Pixels, wanted: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    difference = found.astype(np.float64) - wanted.astype(np.float64)
    error = float(np.mean(difference**2))
    return float(10 * np.log10(255**2 / max(error, 1e-10)))
