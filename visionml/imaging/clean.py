"""The original without what it tells beside its picture: place, time, camera, owner, thumbnail.

Where the pixels may stay as they are, they stay to the last bit: blocks of metadata are left out
and the compressed picture is copied. An image that Exif turns, or whose colours are not sRGB, is
decoded once and encoded again with high quality, since its metadata said how to show it.

Sources: ITU-T T.81 annex B and ITU-T T.871 (JPEG, JFIF), W3C PNG (third edition) 11, RFC 9649.
"""

import re
import struct
from dataclasses import dataclass

import pyvips

from visionml.imaging.colour import changes_colours, jpeg_profile, profile_of, to_srgb
from visionml.imaging.decode import refusal, vips_source
from visionml.imaging.header import (
    DEFAULT_LIMITS,
    ImageFacts,
    ImageFormat,
    Limits,
    chunks,
    read_header,
    segments,
)

_QUALITY = 95
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"IDAT", b"IEND"}
_WEBP_KEPT = {b"VP8X", b"ALPH", b"VP8 ", b"VP8L"}
_ALPHA_FLAG = 0x10


@dataclass(frozen=True)
class Cleaned:
    """A file of the same format whose only content is an upright picture in sRGB."""

    content: bytes
    format: ImageFormat
    width: int
    height: int
    copied: bool
    """Whether the compressed picture is as it was, so that no pixel has changed."""


def cleaned(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Cleaned:
    """Return the image without metadata.

    Pixels that can stay are not decoded: make previews of the file, or `inspect` it, before.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.inspect.inspect`.
    """
    facts = read_header(data, limits)
    content = _stripped(data, facts) if _may_stay(data, facts) else None
    copied = content is not None
    width, height = facts.upright_size
    if content is None:
        content = encoded(upright_srgb(data, facts), data, facts)
    return Cleaned(content, facts.format, width, height, copied)


def _may_stay(data: bytes, facts: ImageFacts) -> bool:
    if facts.orientation != 1 or facts.mode == "cmyk":
        return False
    jpeg = facts.format == "jpeg"
    profile = jpeg_profile(data) if jpeg else profile_of(vips_source(data, facts))
    return profile is None or (not facts.mode.startswith("grey") and not changes_colours(profile))


def _stripped(data: bytes, facts: ImageFacts) -> bytes:
    return {"jpeg": _jpeg, "png": _png, "webp": _webp}[facts.format](data)


def _jpeg(data: bytes) -> bytes:
    kept = [b"\xff\xd8"]
    scan = len(data)
    for marker, start, end in segments(data):
        if marker == 0xE0 and data[start : start + 5] == b"JFIF\0":
            # without its thumbnail
            kept.append(b"\xff\xe0\0\x10" + data[start : start + 12] + b"\0\0")
        elif marker == 0xEE and data[start : start + 5] == b"Adobe":
            kept.append(b"\xff\xee\0\x0e" + data[start : start + 12])
        elif marker not in range(0xE0, 0xF0) and marker != 0xFE:
            kept.append(data[start - 4 : end])
        scan = end
    kept.extend(_scans(data, scan))
    kept.append(b"\xff\xd9")
    return b"".join(kept)


def _scans(data: bytes, position: int) -> list[bytes]:
    """Return all from a first scan's codes to the end of the image, save metadata between."""
    kept = []
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        at, marker = found.start(), data[found.end() - 1]
        kept.append(data[position:at])
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        position = at + 2 + max(length, 2)
        if marker not in range(0xE0, 0xF0) and marker != 0xFE:
            kept.append(data[at:position])
    return kept


def _png(data: bytes) -> bytes:
    kept = [data[:8]]
    for name, start, end in chunks(data, 8, ">I4s", padded=False, overhead=4):
        if name in _PNG_KEPT:
            kept.append(data[start - 8 : end + 4])
        if name == b"IEND":
            break
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    stop = 8 + int.from_bytes(data[4:8], "little")
    kept = [b"WEBP"]
    for name, start, end in chunks(data[:stop], 12, "<4sI", padded=True, overhead=0):
        if name not in _WEBP_KEPT:
            continue
        content = data[start:end]
        if name == b"VP8X":
            content = bytes([content[0] & _ALPHA_FLAG]) + content[1:]
        kept.append(name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1))
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def upright_srgb(data: bytes, facts: ImageFacts) -> pyvips.Image:
    """Return the whole picture in memory, upright, 8 bits, sRGB, with transparency if it has any.

    Raises
    ------
    ImageRefused
        ``reason`` is ``unreadable`` or ``truncated``.
    """
    image = vips_source(data, facts)
    try:
        whole = image.copy_memory()
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    whole.set_type(pyvips.GValue.gint_type, "orientation", facts.orientation)
    return to_srgb(whole.autorot())


def encoded(image: pyvips.Image, like: bytes, facts: ImageFacts) -> bytes:
    """Return a file of high quality without metadata, in the format of the file `like`."""
    if facts.format == "jpeg":
        content: bytes = image.jpegsave_buffer(Q=_QUALITY, subsample_mode="off", keep="none")
    elif facts.format == "png":
        content = image.pngsave_buffer(keep="none")
    else:
        blocks = chunks(like, 12, "<4sI", padded=True, overhead=0)
        lossless = any(name == b"VP8L" for name, _, _ in blocks)
        content = image.webpsave_buffer(Q=_QUALITY, lossless=lossless, keep="none")
    return content
