"""What an image file says of itself, read without decoding: JPEG, PNG and WebP.

The kind follows from the first bytes, never from a file name. Only marker and chunk headers are
walked, so that a file which declares gigapixels costs microseconds.

Sources: ITU-T T.81 annex B (JPEG), CIPA DC-008 (Exif), the W3C's PNG specification (third
edition) and RFC 9649 (WebP).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from visionml.contracts.intake import FileKind
from visionml.contracts.settings import ImageSettings
from visionml.errors import ImageRefused
from visionml.imaging.sniff import described, kind_of

ImageFormat = Literal["jpeg", "png", "webp"]
ImageMode = Literal["grey", "grey+alpha", "rgb", "rgba", "palette", "cmyk"]

_SCAN_LIMIT = 100
_BLOCK_LIMIT = 100_000
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_MODES: dict[int, tuple[ImageMode, int]] = {
    0: ("grey", 1),
    2: ("rgb", 3),
    3: ("palette", 3),
    4: ("grey+alpha", 2),
    6: ("rgba", 4),
}


@dataclass(frozen=True)
class Limits:
    """The largest file, in bytes, and the largest picture, in pixels, that are read.

    `memory` bounds what a decoder may hold: pictures that it cannot decode in strips
    (progressive JPEG, interlaced PNG, WebP) are refused from about 32 to 90 million pixels on.
    """

    bytes: int = ImageSettings().upload_limit_bytes
    pixels: int = ImageSettings().pixel_limit
    memory: int = 256 * 1024 * 1024


@dataclass(frozen=True)
class ImageFacts:
    """What the header says; `width` and `height` are as stored, before `orientation`."""

    format: ImageFormat
    width: int
    height: int
    frames: int
    mode: ImageMode
    bands: int
    bits: int
    """Per sample."""
    orientation: int
    """1 to 8, as Exif counts; 1 is upright."""
    progressive: bool
    """Whether a decoder must hold the whole picture: progressive JPEG, interlaced PNG, WebP."""
    complete: bool = True
    """Whether a PNG or WebP file reaches the end that its own structure names."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height as a viewer shows the picture."""
        if self.orientation >= 5:
            return self.height, self.width
        return self.width, self.height

    @property
    def held_per_pixel(self) -> int:
        """Bytes that a decoder holds for each pixel; 0 when it works in strips."""
        if not self.progressive:
            return 0
        if self.format == "webp":  # planes and RGBA pixels, as measured
            return 8
        return self.bands * (2 if self.format == "jpeg" else (self.bits + 7) // 8)


DEFAULT_LIMITS = Limits()


def read_header(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ImageFacts:
    """Return what the file says of itself.

    Raises
    ------
    ImageRefused
        ``reason`` is ``empty``, ``too_many_bytes``, ``unsupported``, ``unreadable``,
        ``truncated``, ``animated`` or ``too_many_pixels``.
    """
    if not data:
        raise ImageRefused("The image has no bytes.", reason="empty")
    if len(data) > limits.bytes:
        raise too_many_bytes(len(data), limits.bytes)
    try:
        facts = _facts(data)
    except (struct.error, IndexError):
        raise ImageRefused("The image ends within its header.", reason="truncated") from None
    if facts.width == 0 or facts.height == 0:
        raise ImageRefused("The image declares no pixels.", reason="unreadable")
    if facts.frames > 1:
        raise ImageRefused(
            f"The image is animated: {facts.frames} frames.",
            reason="animated",
            hint="Send one frame as a still image.",
        )
    _check_pixels(facts, limits)
    if not facts.complete:
        raise ImageRefused(
            "The image is cut off before its end.",
            reason="truncated",
            hint="Transfer the file again.",
        )
    return facts


def too_many_bytes(size: int, limit: int) -> ImageRefused:
    """Return the refusal of a file of `size` bytes."""
    return ImageRefused(
        f"The image has {size:,} bytes; at most {limit:,} are read.",
        reason="too_many_bytes",
        limit=limit,
        hint="Send a smaller or more strongly compressed image.",
    )


def _check_pixels(facts: ImageFacts, limits: Limits) -> None:
    most = limits.pixels
    kind = "an image"
    if facts.held_per_pixel and limits.memory // facts.held_per_pixel < most:
        most = limits.memory // facts.held_per_pixel
        kind = "a WebP image" if facts.format == "webp" else f"a progressive {facts.format} image"
    if facts.pixels > most:
        raise ImageRefused(
            f"The image has {facts.width:,} x {facts.height:,} = {facts.pixels:,} pixels; "
            f"of {kind} at most {most:,} are read.",
            reason="too_many_pixels",
            limit=most,
            hint="Scale it down first.",
        )


def _facts(data: bytes) -> ImageFacts:
    kind = kind_of(data)
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(data)
    guess = described(kind)
    raise ImageRefused(
        f"The bytes are no JPEG, PNG or WebP image{f': they look like {guess}' if guess else ''}.",
        reason="unsupported",
        hint="Convert the image to JPEG, PNG or WebP; the file name plays no part.",
    )


def _jpeg(data: bytes) -> ImageFacts:
    orientation, frame, size = 1, 0, (0, 0, 0, 0)
    for marker, start, end in segments(data):
        if marker == 0xE1 and orientation == 1 and data[start : start + 6] == b"Exif\0\0":
            orientation = exif_orientation(data[start + 6 : end])
        elif marker in _FRAME_MARKERS and not frame:
            frame, size = marker, struct.unpack_from(">BHHB", data, start)
        elif marker == 0xDA and frame:
            bits, height, width, bands = size
            # one scan with all components is decoded as it comes; several are put together
            several = frame not in {0xC0, 0xC1} or data[start] < bands
            if several and data.count(b"\xff\xda", start) >= _SCAN_LIMIT:
                raise ImageRefused(
                    f"The image has more than {_SCAN_LIMIT} scans.", reason="unreadable"
                )
            return ImageFacts(
                format="jpeg",
                width=width,
                height=height,
                frames=1,
                mode="grey" if bands == 1 else "cmyk" if bands == 4 else "rgb",
                bands=bands,
                bits=bits,
                orientation=orientation,
                progressive=several,
            )
    raise ImageRefused("The JPEG file holds no picture.", reason="unreadable")


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each segment's payload, up to the first scan's header."""
    position = 2
    for _ in range(_BLOCK_LIMIT):
        while data[position] == 0xFF and data[position + 1] == 0xFF:
            position += 1
        prefix, marker = data[position], data[position + 1]
        if prefix != 0xFF:
            raise ImageRefused("The JPEG file's segments are damaged.", reason="unreadable")
        if marker == 0xD9:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, position + 4, position + 2 + length
        if marker == 0xDA:
            return
        position += 2 + max(length, 2)
    raise ImageRefused("The JPEG file has too many segments.", reason="unreadable")


def _png(data: bytes) -> ImageFacts:
    length, kind, width, height, bits, colour, _, _, interlace = struct.unpack_from(
        ">I4sIIBBBBB", data, 8
    )
    if length != 13 or kind != b"IHDR" or colour not in _PNG_MODES:
        raise ImageRefused("The PNG file's header is damaged.", reason="unreadable")
    mode, bands = _PNG_MODES[colour]
    frames, orientation, complete = 1, 1, False
    for name, start, end in chunks(data, 8, ">I4s", padded=False, overhead=4):
        if name == b"acTL" and end - start >= 4:
            frames = max(1, struct.unpack_from(">I", data, start)[0])
        elif name == b"eXIf":
            orientation = exif_orientation(data[start:end])
        elif name == b"IEND":
            complete = end + 4 <= len(data)
            break
    return ImageFacts(
        format="png",
        width=width,
        height=height,
        frames=frames,
        mode=mode,
        bands=bands,
        bits=bits,
        orientation=orientation,
        progressive=interlace != 0,
        complete=complete,
    )


def _webp(data: bytes) -> ImageFacts:
    width = height = frames = 0
    orientation, alpha = 1, False
    for name, start, end in chunks(data, 12, "<4sI", padded=True, overhead=0):
        if name == b"VP8X":
            alpha = bool(data[start] & 0x10)
            width = int.from_bytes(data[start + 4 : start + 7], "little") + 1
            height = int.from_bytes(data[start + 7 : start + 10], "little") + 1
        elif name == b"VP8 ":
            frames = max(frames, 1)
            size = struct.unpack_from("<HH", data, start + 6)
            width, height = (width, height) if width else (size[0] & 0x3FFF, size[1] & 0x3FFF)
        elif name == b"VP8L":
            frames = max(frames, 1)
            (packed,) = struct.unpack_from("<I", data, start + 1)
            alpha = alpha or bool(packed >> 28 & 1)
            if not width:
                width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        elif name == b"ANMF":
            frames += 1
        elif name == b"EXIF":
            orientation = exif_orientation(data[start:end].removeprefix(b"Exif\0\0"))
    if not frames:
        raise ImageRefused("The WebP file ends before its picture.", reason="truncated")
    return ImageFacts(
        format="webp",
        width=width,
        height=height,
        frames=frames,
        mode="rgba" if alpha else "rgb",
        bands=4 if alpha else 3,
        bits=8,
        orientation=orientation,
        progressive=True,
        complete=8 + struct.unpack_from("<I", data, 4)[0] <= len(data),
    )


def chunks(
    data: bytes, position: int, head: str, *, padded: bool, overhead: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) of each chunk's payload; the last may end beyond the data."""
    for _ in range(_BLOCK_LIMIT):
        if position + 8 > len(data):
            return
        first, second = struct.unpack_from(head, data, position)
        name, length = (first, second) if isinstance(first, bytes) else (second, first)
        start = position + 8
        yield name, start, start + length
        position = start + length + overhead + (length & 1 if padded else 0)
    raise ImageRefused("The image has too many chunks.", reason="unreadable")


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation, 1 to 8, of a block of Exif data; 1 where it says nothing sound."""
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[tiff[:4]]
        (offset,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, offset)
        for entry in range(min(entries, 1000)):
            tag, kind = struct.unpack_from(order + "HH", tiff, offset + 2 + entry * 12)
            if tag == 0x0112 and kind == 3:
                (value,) = struct.unpack_from(order + "H", tiff, offset + 2 + entry * 12 + 8)
                return value if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1


_READERS = {FileKind.JPEG: _jpeg, FileKind.PNG: _png, FileKind.WEBP: _webp}
