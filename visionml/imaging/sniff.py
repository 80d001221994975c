"""What a file is by its bytes, and whether other programs would read it as something else.

Sources: the WHATWG's MIME Sniffing Standard (how much of a file a browser judges by), PKWARE's
APPNOTE 6.3.10, 4.3.16 (ZIP is found from its end), ISO 32000-1, annex H.3 (a PDF reader looks
for the header in the first 1,024 bytes) and ISO/IEC 14496-12 (the box `ftyp`).
"""

import re
import struct

from visionml.contracts.intake import FileKind

_TEXT_START = 1024
_ZIP_TAIL = 22 + 0xFFFF
_ENDS = 4096

_MAGIC = (
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", FileKind.PNG),
    (b"GIF87a", FileKind.GIF),
    (b"GIF89a", FileKind.GIF),
    (b"BM", FileKind.BMP),
    (b"II*\0", FileKind.TIFF),
    (b"MM\0*", FileKind.TIFF),
    (b"II+\0", FileKind.TIFF),
    (b"MM\0+", FileKind.TIFF),
    (b"\0\0\0\x0cjP  ", FileKind.JPEG_2000),
    (b"\xff\x4f\xff\x51", FileKind.JPEG_2000),
    (b"\0\0\0\x0cJXL ", FileKind.JPEG_XL),
    (b"\xff\x0a", FileKind.JPEG_XL),
    (b"\0\0\x01\0", FileKind.ICON),
    (b"8BPS", FileKind.PHOTOSHOP),
    (b"%PDF-", FileKind.PDF),
    (b"PK\x03\x04", FileKind.ZIP),
    (b"PK\x05\x06", FileKind.ZIP),
    (b"Rar!\x1a\x07", FileKind.RAR),
    (b"7z\xbc\xaf\x27\x1c", FileKind.SEVEN_ZIP),
    (b"\x1f\x8b", FileKind.GZIP),
    (b"\x1aE\xdf\xa3", FileKind.VIDEO),
    (b"\x7fELF", FileKind.PROGRAM),
    (b"MZ", FileKind.PROGRAM),
    (b"#!", FileKind.SCRIPT),
)
_ARCHIVES_ANYWHERE = ((b"Rar!\x1a\x07", FileKind.RAR), (b"7z\xbc\xaf\x27\x1c", FileKind.SEVEN_ZIP))
_STILL_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe", b"<!--")
_DESCRIPTIONS = {
    FileKind.GIF: "a GIF image",
    FileKind.BMP: "a BMP image",
    FileKind.TIFF: "a TIFF image",
    FileKind.HEIF: "a HEIC or AVIF image",
    FileKind.JPEG_2000: "a JPEG 2000 image",
    FileKind.JPEG_XL: "a JPEG XL image",
    FileKind.ICON: "an icon",
    FileKind.PHOTOSHOP: "a Photoshop file",
    FileKind.SVG: "an SVG drawing",
    FileKind.HTML: "an HTML page",
    FileKind.MARKUP: "a markup text",
    FileKind.JSON: "a JSON text",
    FileKind.PDF: "a PDF document",
    FileKind.ZIP: "a ZIP archive",
    FileKind.RAR: "a RAR archive",
    FileKind.SEVEN_ZIP: "a 7-Zip archive",
    FileKind.GZIP: "a gzip archive",
    FileKind.VIDEO: "a video",
    FileKind.PROGRAM: "a program",
    FileKind.SCRIPT: "a script",
    FileKind.TEXT: "plain text",
}

# Long enough that compressed pixels do not hold them by chance: less than one in a million files.
_ANYWHERE = re.compile(
    rb"<(?:\?php\s|script[\s>]|iframe[\s>]|!doctype\s|svg\s[^<>]{0,200}xmlns)", re.IGNORECASE
)
_AT_THE_ENDS = re.compile(rb"<(?:html|body|svg)[\s>]", re.IGNORECASE)


def kind_of(data: bytes) -> FileKind:
    """Return what the file's first bytes say that it is."""
    if not data:
        return FileKind.EMPTY
    if data[:4] == b"RIFF":
        return {b"WEBP": FileKind.WEBP, b"AVI ": FileKind.VIDEO}.get(data[8:12], FileKind.UNKNOWN)
    if data[4:8] == b"ftyp":
        return FileKind.HEIF if data[8:12] in _STILL_BRANDS else FileKind.VIDEO
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    return _text_kind(data[:_TEXT_START])


def described(kind: FileKind) -> str:
    """Return a kind of file with its article; empty where it is not known."""
    return _DESCRIPTIONS.get(kind, "")


def hidden_kind(data: bytes) -> FileKind | None:
    """Return what else an image file is to other programs; None where it is an image alone.

    Further pictures and films after the picture, as telephones append them, hide nothing.
    """
    return _archive(data) or _program_text(data)


def _archive(data: bytes) -> FileKind | None:
    if b"%PDF-" in data[:_TEXT_START]:
        return FileKind.PDF
    if _ends_as_zip(data):
        return FileKind.ZIP
    return next((kind for magic, kind in _ARCHIVES_ANYWHERE if magic in data), None)


def _program_text(data: bytes) -> FileKind | None:
    if data[4:6] == b"/*":  # a length that opens a comment of JavaScript
        return FileKind.SCRIPT
    found = _ANYWHERE.search(data) or (
        _AT_THE_ENDS.search(data[:_ENDS]) or _AT_THE_ENDS.search(data[-_ENDS:])
    )
    if found is None:
        return None
    name = found.group().lower()
    if name.startswith(b"<?php"):
        return FileKind.SCRIPT
    return FileKind.SVG if name.startswith(b"<svg") else FileKind.HTML


def _text_kind(start: bytes) -> FileKind:
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        start = start[: len(start) & ~1].decode("utf-16", "replace").encode("utf-8")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\f\0").lower()
    if text.startswith(b"<?php"):
        return FileKind.SCRIPT
    if text.startswith(b"<"):
        if b"<svg" in text:
            return FileKind.SVG
        html = text.startswith(_HTML_STARTS) or b"<html" in text
        return FileKind.HTML if html else FileKind.MARKUP
    if text.startswith((b"{", b"[")):
        return FileKind.JSON
    if text.startswith(b"%pdf-"):
        return FileKind.PDF
    binary = any(byte < 9 or 13 < byte < 27 for byte in text)
    return FileKind.UNKNOWN if binary or not text else FileKind.TEXT


def _ends_as_zip(data: bytes) -> bool:
    """Say whether a ZIP reader finds an archive, which it looks for from the end."""
    tail = data[-_ZIP_TAIL:]
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        return False
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        return True
    entries, size = struct.unpack_from("<HI", tail, at + 10)
    directory = len(data) - len(tail) + at - size
    return directory >= 0 and (not entries or data[directory : directory + 4] == b"PK\x01\x02")
