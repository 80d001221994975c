"""Colours as a file's profile means them, brought to sRGB.

Sources: ICC.1:2022, annex B.4 (profiles in JPEG files), W3C PNG (third edition), 11.3.2.3.
"""

from contextlib import suppress
from functools import lru_cache

import numpy as np
import pyvips

from visionml.imaging.header import segments

_MARK = b"ICC_PROFILE\0"
_PROFILE = "icc-profile-data"
_STEPS = 9
_TOLERANCE = 2


def jpeg_profile(data: bytes) -> bytes | None:
    """Return the colour profile within a JPEG file; None where there is none."""
    parts: dict[int, bytes] = {}
    for marker, start, end in segments(data):
        if marker == 0xE2 and data[start : start + 12] == _MARK:
            parts[data[start + 12]] = data[start + 14 : end]
    return b"".join(parts[number] for number in sorted(parts)) or None


def profile_of(image: pyvips.Image) -> bytes | None:
    """Return the colour profile of an image that libvips opened."""
    if image.get_typeof(_PROFILE) == 0:
        return None
    profile: bytes = image.get(_PROFILE)
    return profile


def with_profile(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """Return the image as if it came from a file with this profile."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    return image


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Return an image in memory as 8-bit sRGB; a profile that cannot be used is passed over."""
    if profile_of(image) is not None:
        with suppress(pyvips.Error):
            return image.icc_transform("srgb", embedded=True, depth=8).copy_memory()
    image = image.colourspace("srgb")
    return image if image.format == "uchar" else image.cast("uchar")


@lru_cache(maxsize=64)
def changes_colours(profile: bytes) -> bool:
    """Say whether this profile's RGB differs visibly from sRGB, by trying it.

    Most cameras and programs write one of the many profiles that mean sRGB; their pixels can stay
    as they are. One that cannot be used, such as one for CMYK, changes nothing either.
    """
    steps = np.linspace(0, 255, _STEPS).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(_STEPS, -1, 3)
    image = pyvips.Image.new_from_array(lattice, interpretation="srgb")
    found = to_srgb(with_profile(image, profile))
    if found.bands != 3:
        return False
    difference = np.abs(found.numpy().astype(np.int16) - lattice)
    return int(difference.max()) > _TOLERANCE
