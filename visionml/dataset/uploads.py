"""A folder as people really send them: drawings, photographs, and files that hurt the careless.

None of these files is kept in the repository: they are made here, or come with scikit-learn and
scikit-image.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pyvips

from visionml.dataset.drawn.collection import drawing, drawings
from visionml.dataset.samples import photograph
from visionml.errors import MachineUnfit

SEED = 2026
"""Another one than that of the set that models learn from."""
TURNED = "turned-on-its-side.jpg"
"""A JPEG that Exif turns, and that tells who took it, where and when."""

_SCIKIT_LEARN = ("china", "flower")
_SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "page.png", "rocket.jpg")
_EXIF = {
    "exif-ifd0-Make": "Example",
    "exif-ifd0-Model": "Camera 1",
    "exif-ifd0-Artist": "A. Person",
    "exif-ifd2-DateTimeOriginal": "2026:05:01 12:00:00",
    "exif-ifd3-GPSLatitudeRef": "N",
    "exif-ifd3-GPSLatitude": "47/1 22/1 25/1",
    "exif-ifd3-GPSLongitudeRef": "E",
    "exif-ifd3-GPSLongitude": "8/1 32/1 20/1",
}


class Upload(NamedTuple):
    """A file as it is sent."""

    name: str
    content: bytes


def animals(count: int = 24, *, seed: int = SEED) -> Iterator[Upload]:
    """Yield drawn pictures, named so that nobody can tell from the name what they show."""
    for number, drawn in enumerate(drawings(count, seed=seed)):
        yield Upload(f"picture-{number:02d}.jpg", drawn.content)


def couples(count: int = 4, *, seed: int = SEED) -> Iterator[Upload]:
    """Yield pictures with a cat and a dog in each."""
    for number in range(count):
        yield Upload(f"couple-{number}.jpg", drawing("cat", [seed, 999, number], beside="dog"))


def photographs() -> Iterator[Upload]:
    """Yield the photographs at hand: a cat, a person, coffee, a rocket, a page, a temple, a flower.

    Raises
    ------
    MachineUnfit
        scikit-learn or scikit-image, which they come with, is not installed.
    """
    for name in _SCIKIT_LEARN:
        yield Upload(f"{name}.jpg", photograph(name))
    for name in _SCIKIT_IMAGE:
        yield Upload(name, scene(name))


def scene(name: str) -> bytes:
    """Return one of scikit-image's files, such as ``astronaut.png``.

    Raises
    ------
    MachineUnfit
        It is not installed.
    """
    try:
        return resources.files("skimage.data").joinpath(name).read_bytes()
    except ModuleNotFoundError as error:
        raise MachineUnfit(
            "The photographs come from scikit-image, which is not installed.",
            hint="Run `pip install 'visionml[notebooks]'`.",
        ) from error


def odd(*, seed: int = SEED) -> Iterator[Upload]:
    """Yield images that are unusual and good."""
    picture = _opened(drawing("cat", [seed, 1000]))
    yield Upload(TURNED, turned(picture))
    yield Upload("for-print-cmyk.jpg", _opened(drawing("dog", [seed, 1001])).colourspace("cmyk")
                 .jpegsave_buffer(keep="none"))  # fmt: skip
    scan = _opened(drawing("house", [seed, 1002])).colourspace("grey16")
    yield Upload("scan-16-bit.png", scan.pngsave_buffer(keep="none"))
    yield Upload("Кот γάτα Kätzchen.jpg", drawing("cat", [seed, 1003]))
    web = _opened(drawing("tree", [seed, 1004])).webpsave_buffer(Q=85, keep="none")
    yield Upload("named-wrongly.png", web)


def turned(picture: pyvips.Image) -> bytes:
    """Return a JPEG whose pixels lie on their side, with Exif that says so and much more."""
    lying = picture.rot90().copy()
    lying.set_type(pyvips.GValue.gint_type, "orientation", 8)
    for name, value in _EXIF.items():
        lying.set_type(pyvips.GValue.gstr_type, name, value)
    content: bytes = lying.jpegsave_buffer(Q=90, keep="exif")
    return content


def bad(*, seed: int = SEED) -> Iterator[Upload]:
    """Yield what is no image, no whole one, or more than one."""
    whole = drawing("dog", [seed, 2000])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        # with a date of its own, or the file would differ every two seconds
        opened.writestr(zipfile.ZipInfo("run.js", (2026, 5, 1, 12, 0, 0)), "alert(1)")
    page = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
    vectors = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"
    yield Upload("broken-off.jpg", whole[: len(whole) // 2])
    yield Upload("archive.jpg", archive.getvalue())
    yield Upload("web-page.jpg", page)
    yield Upload("vectors.png", vectors)
    yield Upload("nothing.png", b"")
    yield Upload("bomb.png", _bomb())
    yield Upload("film.webp", _film(seed))
    yield Upload("picture-and-archive.jpg", drawing("cat", [seed, 2001]) + archive.getvalue())
    yield Upload("notes.jpeg", b"Remember to take more photographs of dogs.\n")
    yield Upload(
        "letter.jpg", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n"
    )


def _opened(content: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(content, "")


def _bomb() -> bytes:
    """Return a PNG of some 100 bytes that claims 2.5 billion pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _film(seed: int) -> bytes:
    """Return a WebP of three frames."""
    frames = [
        _opened(drawing("bird", [seed, 2002, number])).thumbnail_image(
            120, height=120, size="force"
        )
        for number in range(3)
    ]
    strip = pyvips.Image.arrayjoin(frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", 120)
    content: bytes = strip.webpsave_buffer(Q=70)
    return content


def write_uploads(folder: Path, *, pictures: int = 24, seed: int = SEED) -> Path:
    """Write ``drawn/``, ``photographs/``, ``odd/`` and ``bad/`` and return the folder.

    The same seed gives the same files.

    Raises
    ------
    MachineUnfit
        scikit-learn or scikit-image is not installed.
    """
    kinds = {
        "drawn": [*animals(pictures, seed=seed), *couples(seed=seed)],
        "photographs": photographs(),
        "odd": odd(seed=seed),
        "bad": bad(seed=seed),
    }
    for kind, uploads in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for upload in uploads:
            (folder / kind / upload.name).write_bytes(upload.content)
    return folder
