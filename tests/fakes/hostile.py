"""Files that hurt careless readers, by name, each with what a careful one makes of it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.fakes import pictures
from tests.fakes.pictures import encoded, png_chunk
from visionml.contracts.intake import FileKind

HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


class Case(NamedTuple):
    """One file; without a reason it is accepted."""

    name: str
    data: bytes
    kind: FileKind
    reason: str | None = None


def corpus() -> Iterator[Case]:
    """Yield every case, one at a time: some are large."""
    yield from _odd_but_good()
    yield from _other_kinds()
    yield from _polyglots()
    yield from _damaged()
    yield from _too_large()


def largest() -> Iterator[Case]:
    """Yield images at the limits, which take seconds each."""
    plain = Image.new("RGB", (7000, 7000), "navy")
    yield Case("turned-at-limit.jpg", pictures.with_orientation(plain, 6), FileKind.JPEG)
    held = plain.crop((0, 0, 6600, 6600))
    progressive = encoded(held, "JPEG", progressive=True, quality=50)
    yield Case("progressive-at-limit.jpg", progressive, FileKind.JPEG)


def small() -> Image.Image:
    """Return a piece of a photograph, 160 x 120."""
    return pictures.photo().crop((100, 100, 260, 220))


def zipped() -> bytes:
    """Return a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.js", "alert(1)")
    return buffer.getvalue()


def commented(data: bytes, comment: bytes) -> bytes:
    """Return a JPEG file with a comment after its first marker."""
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]


def _odd_but_good() -> Iterator[Case]:
    image = small()
    deep = np.asarray(image, np.uint16) * 257
    half = image.convert("RGBA")
    half.putalpha(Image.linear_gradient("L").resize(image.size))
    jpeg = encoded(image, "JPEG")
    good = {
        "plain.jpg": jpeg,
        "progressive.jpg": encoded(image, "JPEG", progressive=True),
        "grey.jpg": encoded(image.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG"),
        "turned.jpg": pictures.with_orientation(image, 6),
        "film-behind.jpg": jpeg + b"\0\0\0\x18ftypmp42" + bytes(1000),
        "second-picture-behind.jpg": jpeg + jpeg,
        "comment.jpg": commented(jpeg, b"a < b, 1/2 * 3"),
        "tiny.jpg": encoded(image.crop((0, 0, 1, 1)), "JPEG"),
        "ribbon.jpg": encoded(Image.new("RGB", (6000, 1), "red"), "JPEG"),
    }
    for name, data in good.items():
        yield Case(name, data, FileKind.JPEG)
    pngs = {
        "alpha.png": encoded(half, "PNG"),
        "palette.png": encoded(image.quantize(16), "PNG", transparency=1),
        "one-bit.png": encoded(image.convert("1"), "PNG"),
        "deep.png": pictures.sixteen_bit_png(deep),
        "deep-alpha.png": pictures.sixteen_bit_png(np.dstack([deep, deep[..., :1]])),
        "deep-grey.png": pictures.sixteen_bit_png(deep[..., :1]),
    }
    for name, data in pngs.items():
        yield Case(name, data, FileKind.PNG)
    yield Case("plain.webp", encoded(image, "WEBP"), FileKind.WEBP)
    yield Case("alpha.webp", encoded(half, "WEBP", lossless=True), FileKind.WEBP)


def _other_kinds() -> Iterator[Case]:
    image = small()
    others = {
        "empty.jpg": (b"", FileKind.EMPTY),
        "moving.gif": (
            encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
            FileKind.GIF,
        ),
        "drawing.bmp": (encoded(image, "BMP"), FileKind.BMP),
        "scan.tiff": (encoded(image, "TIFF"), FileKind.TIFF),
        "favourite.ico": (encoded(image, "ICO"), FileKind.ICON),
        "photo.heic": (b"\0\0\0\x18ftypheic" + bytes(100), FileKind.HEIF),
        "film.jpg": (b"\0\0\0\x18ftypmp42" + bytes(100), FileKind.VIDEO),
        "zip.jpg": (zipped(), FileKind.ZIP),
        "html.jpg": (HTML, FileKind.HTML),
        "html-with-mark.jpg": (b"\xef\xbb\xbf \r\n" + HTML, FileKind.HTML),
        "html-in-utf-16.jpg": (HTML.decode().encode("utf-16"), FileKind.HTML),
        "drawing.svg": (SVG, FileKind.SVG),
        "feed.jpg": (b"<?xml version='1.0'?><rss/>", FileKind.MARKUP),
        "page.php": (b"<?php system($_GET[0]); ?>", FileKind.SCRIPT),
        "shell.jpg": (b"#!/bin/sh\nreboot\n", FileKind.SCRIPT),
        "program.jpg": (b"MZ" + bytes(200), FileKind.PROGRAM),
        "document.jpg": (PDF, FileKind.PDF),
        "values.jpg": (b'{"image": 1}', FileKind.JSON),
        "words.jpg": (b"plain words", FileKind.TEXT),
        "noise.jpg": (bytes(range(256)), FileKind.UNKNOWN),
        "sound.webp": (b"RIFF\x10\0\0\0WAVEfmt ", FileKind.UNKNOWN),
    }
    for name, (data, kind) in others.items():
        yield Case(name, data, kind, "unsupported" if data else "empty")


def _polyglots() -> Iterator[Case]:
    jpeg, png = encoded(small(), "JPEG"), encoded(small(), "PNG")
    script = b"=1;alert(1)/*"
    text = zlib.compress(b"nothing")
    both = {
        "zip-behind.jpg": (jpeg + zipped(), FileKind.JPEG),
        "empty-zip-behind.jpg": (jpeg + b"PK\x05\x06" + bytes(18), FileKind.JPEG),
        "pdf-in-comment.jpg": (commented(jpeg, PDF), FileKind.JPEG),
        "html-in-comment.jpg": (commented(jpeg, b"<html><h1>"), FileKind.JPEG),
        "script-in-comment.jpg": (commented(jpeg, b"<ScRiPt>alert(1)"), FileKind.JPEG),
        "php-behind.jpg": (jpeg + b"<?php system($_GET[0]);", FileKind.JPEG),
        "svg-behind.jpg": (jpeg + SVG, FileKind.JPEG),
        "rar-behind.jpg": (jpeg + b"Rar!\x1a\x07\x01\0" + bytes(50), FileKind.JPEG),
        "javascript.jpg": (
            b"\xff\xd8\xff\xe0/*" + (script + b"*/").ljust(0x2F2A - 2) + jpeg[2:],
            FileKind.JPEG,
        ),
        "zip-behind.png": (png + zipped(), FileKind.PNG),
        "php-in-chunk.png": (
            png[:33] + png_chunk(b"tEXt", b"Comment\0<?php phpinfo(); ?>") + png[33:],
            FileKind.PNG,
        ),
        "html-behind.webp": (encoded(small(), "WEBP") + HTML, FileKind.WEBP),
    }
    for name, (data, kind) in both.items():
        yield Case(name, data, kind, "polyglot")
    compressed = png[:33] + png_chunk(b"zTXt", b"Comment\0\0" + text) + png[33:]
    yield Case("compressed-text.png", compressed, FileKind.PNG)


def _damaged() -> Iterator[Case]:
    image = small()
    for kind in (FileKind.JPEG, FileKind.PNG, FileKind.WEBP):
        data = encoded(image, kind.upper())
        for share in (0.1, 0.5, 0.99):
            cut = data[: int(len(data) * share)]
            yield Case(f"cut-at-{share}.{kind}", cut, kind, "truncated")
        if kind is not FileKind.JPEG:
            moving = encoded(image, kind.upper(), save_all=True, append_images=[image.rotate(90)])
            yield Case(f"moving.{kind}", moving, kind, "animated")
    jpeg, png = encoded(image, "JPEG"), bytearray(encoded(image, "PNG"))
    png[len(png) // 2] ^= 0xFF
    scan = encoded(image, "JPEG", progressive=True)
    at = scan.index(b"\xff\xda")
    damaged = {
        "markers-only.jpg": (b"\xff\xd8\xff\xd9", FileKind.JPEG),
        "endless-header.jpg": (b"\xff\xd8" + b"\xff\xe0\0\x02" * 2_000_000, FileKind.JPEG),
        "hundreds-of-scans.jpg": (scan[:at] + scan[at : at + 12] * 200 + scan[at:], FileKind.JPEG),
        "broken.png": (bytes(png), FileKind.PNG),
    }
    for name, (data, kind) in damaged.items():
        yield Case(name, data, kind, "unreadable")
    yield Case("closed-early.jpg", jpeg[: len(jpeg) // 2] + b"\xff\xd9", FileKind.JPEG, "truncated")


def _too_large() -> Iterator[Case]:
    large = "too_many_pixels"
    yield Case("bomb.png", pictures.png_bomb(), FileKind.PNG, large)
    yield Case("bomb.jpg", pictures.jpeg_bomb(), FileKind.JPEG, large)
    yield Case("largest.jpg", pictures.jpeg_bomb(65_500, 65_500), FileKind.JPEG, large)
    yield Case("bomb.webp", pictures.webp_bomb(), FileKind.WEBP, large)
    yield Case("lying.png", pictures.png_bomb(7000, 7000), FileKind.PNG, "unreadable")
    yield Case("lying.jpg", pictures.jpeg_bomb(7000, 7000), FileKind.JPEG, "truncated")
    hundred = encoded(Image.new("L", (10_000, 10_000), 128), "JPEG", quality=50)
    yield Case("hundred-megapixels.jpg", hundred, FileKind.JPEG, large)
    padded = encoded(small(), "JPEG") + bytes(10 * 1024 * 1024)
    yield Case("heavy.jpg", padded, FileKind.JPEG, "too_many_bytes")
    plain = Image.new("RGB", (7000, 7000), "navy")
    yield Case("forty-nine-megapixels.jpg", encoded(plain, "JPEG"), FileKind.JPEG)
    yield Case("forty-nine-megapixels.png", encoded(plain, "PNG"), FileKind.PNG)
