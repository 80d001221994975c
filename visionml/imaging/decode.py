"""Pixels from bytes, complete or not at all.

JPEG goes through libjpeg-turbo (simplejpeg), which can decode at a half, a quarter or an eighth
of the size for a fraction of the time; everything else goes through libvips. Both stop at the
first damage: libvips alone would fill what is missing with grey.
"""

import logging
from collections.abc import Callable

import numpy as np
import pyvips
import simplejpeg

from visionml.errors import ImageRefused
from visionml.imaging.header import ImageFacts

# One image is one thread's work: the callers run as many side by side as there are cores. A cache
# would only hold on to memory, since no image comes twice.
pyvips.concurrency_set(1)
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)
# Damage is raised as ImageRefused; libvips' own lines about it would only repeat that, and some
# repeat what a file says: they are dropped before pyvips reads them as UTF-8, which some are not.
logging.getLogger("pyvips").setLevel(logging.ERROR)
if pyvips.API_mode:
    pyvips.ffi.def_extern(name="_log_handler_callback")(lambda *_: None)

_TRUNCATION_SIGNS = ("premature end", "truncated", "not enough", "end of stream", "eof")


def jpeg_pixels(data: bytes, facts: ImageFacts, *, factor: int = 1) -> np.ndarray | None:
    """Decode a plain JPEG at 1/`factor` (1, 2, 4 or 8) of its size to uint8 (H, W, 3) RGB.

    Sides that `factor` does not divide are rounded up; `orientation` is not applied. None stands
    for what libjpeg-turbo's short way does not know: CMYK, 12 bits, rare kinds of subsampling.
    """
    least = (-(-facts.height // factor), -(-facts.width // factor))
    return jpeg_covering(data, facts, least=least)


def jpeg_covering(
    data: bytes,
    facts: ImageFacts,
    *,
    least: tuple[int, int],
    into: Callable[[tuple[int, int]], np.ndarray] | None = None,
) -> np.ndarray | None:
    """Decode as `jpeg_pixels`, at the fewest eighths of the size with `least` (rows, columns).

    `into` gives memory for RGBX pixels, four bytes each, when asked for as many rows and columns.
    """
    if facts.format != "jpeg" or facts.bits != 8 or facts.mode not in {"grey", "rgb"}:
        return None
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):
        return None
    if (height, width) != (facts.height, facts.width):
        raise ImageRefused("The JPEG file declares two sizes.", reason="unreadable")
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, least[0], least[1], strict=False)
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data,
            "RGB" if into is None else "RGBX",
            min_height=least[0],
            min_width=least[1],
            buffer=None if into is None else into((height, width)),
        )
    except ValueError as error:
        raise _refused("JPEG", str(error)) from None
    return pixels


def vips_source(data: bytes, facts: ImageFacts) -> pyvips.Image:
    """Open any accepted file as it is stored, to be read once, from top to bottom.

    Reading it may raise ``pyvips.Error``, which `refusal` translates.
    """
    loader = {
        "jpeg": pyvips.Image.jpegload_buffer,
        "png": pyvips.Image.pngload_buffer,
        "webp": pyvips.Image.webpload_buffer,
    }[facts.format]
    try:
        image = loader(data, access="sequential", fail_on="warning")
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    if (image.width, image.height) != (facts.width, facts.height):
        raise ImageRefused(f"The {facts.format} file declares two sizes.", reason="unreadable")
    return image


def vips_image(data: bytes, facts: ImageFacts) -> pyvips.Image:
    """Open any accepted file as an 8-bit sRGB image that decodes as it is read, top to bottom.

    Transparent parts show white. Reading it may raise ``pyvips.Error``, which `refusal`
    translates.
    """
    image = vips_source(data, facts)
    try:
        image = image.colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=255)
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    return image.cast("uchar") if image.format != "uchar" else image


def refusal(facts: ImageFacts, error: pyvips.Error) -> ImageRefused:
    """Return why libvips could not read a file, as this package says it."""
    return _refused({"jpeg": "JPEG", "png": "PNG", "webp": "WebP"}[facts.format], error.detail)


def _refused(kind: str, detail: str) -> ImageRefused:
    said = " ".join(detail.split())
    if any(sign in said.lower() for sign in _TRUNCATION_SIGNS):
        return ImageRefused(
            f"The {kind} image is cut off: {said}.",
            reason="truncated",
            hint="Transfer the file again.",
        )
    return ImageRefused(
        f"The {kind} image cannot be decoded: {said}.",
        reason="unreadable",
        hint="Save the picture again with another program.",
    )
