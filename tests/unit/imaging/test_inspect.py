import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.fakes import pictures
from tests.fakes.pictures import encoded
from visionml.errors import ImageRefused
from visionml.imaging.header import Limits, exif_orientation, read_header
from visionml.imaging.inspect import inspect
from visionml.imaging.model_input import pixels

SMALL = pictures.photo().crop((100, 100, 180, 160))


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageRefused) as refused:
        inspect(data, limits or Limits())
    return refused.value.reason


@pytest.mark.parametrize(
    ("data", "format_", "mode", "bits"),
    [
        (encoded(SMALL, "JPEG"), "jpeg", "rgb", 8),
        (encoded(SMALL, "JPEG", progressive=True), "jpeg", "rgb", 8),
        (encoded(SMALL.convert("L"), "JPEG"), "jpeg", "grey", 8),
        (encoded(SMALL.convert("CMYK"), "JPEG"), "jpeg", "cmyk", 8),
        (encoded(SMALL, "PNG"), "png", "rgb", 8),
        (encoded(SMALL.convert("RGBA"), "PNG"), "png", "rgba", 8),
        (encoded(SMALL.convert("LA"), "PNG"), "png", "grey+alpha", 8),
        (encoded(SMALL.convert("P"), "PNG"), "png", "palette", 8),
        (encoded(SMALL.convert("1"), "PNG"), "png", "grey", 1),
        (pictures.sixteen_bit_png(np.zeros((60, 80, 3), np.uint16)), "png", "rgb", 16),
        (encoded(SMALL, "WEBP"), "webp", "rgb", 8),
        (encoded(SMALL, "WEBP", lossless=True), "webp", "rgb", 8),
        (encoded(SMALL.convert("RGBA"), "WEBP", exact=True), "webp", "rgb", 8),
    ],
)
def test_accepted_images_are_described(data: bytes, format_: str, mode: str, bits: int) -> None:
    facts = inspect(data)
    assert (facts.format, facts.mode, facts.bits) == (format_, mode, bits)
    assert (facts.width, facts.height, facts.frames, facts.orientation) == (80, 60, 1, 1)


def test_webp_with_transparency_is_described_as_rgba() -> None:
    image = SMALL.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert inspect(encoded(image, "WEBP")).mode == "rgba"
    assert inspect(encoded(image, "WEBP", lossless=True)).mode == "rgba"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_read_and_turns_the_upright_size(kind: str) -> None:
    facts = inspect(pictures.with_orientation(SMALL, 6, kind))
    assert facts.orientation == 6
    assert (facts.width, facts.height) == (80, 60)
    assert facts.upright_size == (60, 80)


@pytest.mark.parametrize(
    "data",
    [
        encoded(SMALL, "GIF"),
        encoded(SMALL, "BMP"),
        encoded(SMALL, "TIFF"),
        b"<!doctype html><html>not a photo.jpg</html>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\x03\x04" + bytes(100),
        b"%PDF-1.7",
        b"plain words",
        b"\0",
        b"RIFF\x10\0\0\0WAVEfmt ",
    ],
)
def test_other_kinds_are_unsupported_whatever_the_name(data: bytes) -> None:
    assert reason(data) == "unsupported"


def test_no_bytes_are_empty() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95, "last byte"])
def test_files_that_are_cut_off_are_truncated(kind: str, share: float | str) -> None:
    data = encoded(pictures.photo(), kind)
    end = len(data) - 1 if isinstance(share, str) else int(len(data) * share)
    assert reason(data[:end]) == "truncated"


def test_a_jpeg_that_is_closed_too_early_is_truncated() -> None:
    data = encoded(SMALL, "JPEG")
    assert reason(data[: len(data) // 2] + b"\xff\xd9") == "truncated"


def test_damage_within_a_png_is_unreadable() -> None:
    data = bytearray(encoded(SMALL, "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert reason(bytes(data)) == "unreadable"


def test_damage_within_a_jpeg_is_refused() -> None:
    data = bytearray(encoded(SMALL, "JPEG", progressive=True))
    for at in range(len(data) // 2, len(data) // 2 + 40):
        data[at] ^= 0x5A
    assert reason(bytes(data)) in {"unreadable", "truncated"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    data = encoded(SMALL, kind, save_all=True, append_images=[SMALL.rotate(90)])
    assert reason(data) == "animated"


@pytest.mark.parametrize("bomb", [pictures.png_bomb, pictures.jpeg_bomb, pictures.webp_bomb])
def test_bombs_are_refused_by_their_header_alone(bomb: object) -> None:
    assert callable(bomb)
    data = bomb()
    started = time.perf_counter()
    assert reason(data) == "too_many_pixels"
    assert time.perf_counter() - started < 0.05


def test_limits_are_named() -> None:
    data = encoded(SMALL, "JPEG")
    with pytest.raises(ImageRefused) as refused:
        inspect(data, Limits(bytes=100))
    assert (refused.value.reason, refused.value.limit) == ("too_many_bytes", 100)
    with pytest.raises(ImageRefused) as refused:
        inspect(data, Limits(pixels=4799))
    assert (refused.value.reason, refused.value.limit) == ("too_many_pixels", 4799)
    assert inspect(data, Limits(bytes=len(data), pixels=4800)).pixels == 4800


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (encoded(SMALL, "JPEG", progressive=True), 10_000 // 6),
        (encoded(SMALL, "WEBP"), 10_000 // 8),
    ],
)
def test_what_must_be_held_whole_has_a_lower_limit(data: bytes, most: int) -> None:
    with pytest.raises(ImageRefused) as refused:
        read_header(data, Limits(memory=10_000))
    assert (refused.value.reason, refused.value.limit) == ("too_many_pixels", most)
    assert read_header(encoded(SMALL, "JPEG"), Limits(memory=10_000)).held_per_pixel == 0


def test_a_jpeg_with_hundreds_of_scans_is_not_decoded() -> None:
    data = encoded(SMALL, "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    assert reason(data[:scan] + data[scan : scan + 12] * 200 + data[scan:]) == "unreadable"


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_a_header_without_pixels_is_unreadable(size: tuple[int, int]) -> None:
    data = bytearray(encoded(SMALL, "PNG"))
    data[16:24] = struct.pack(">II", *size)
    assert reason(bytes(data)) == "unreadable"


def test_a_jpeg_with_an_endless_header_is_refused_quickly() -> None:
    started = time.perf_counter()
    assert reason(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 2_000_000) == "unreadable"
    assert time.perf_counter() - started < 1


@given(st.binary(max_size=200))
def test_exif_of_any_bytes_gives_an_orientation(data: bytes) -> None:
    assert 1 <= exif_orientation(b"II*\0" + data) <= 8
    assert 1 <= exif_orientation(data) <= 8


STARTS = [
    encoded(SMALL, "JPEG"),
    encoded(SMALL, "JPEG", progressive=True),
    pictures.with_orientation(SMALL, 8),
    encoded(SMALL.convert("CMYK"), "JPEG"),
    encoded(SMALL, "PNG"),
    encoded(SMALL.convert("P"), "PNG", transparency=3),
    encoded(SMALL, "WEBP"),
    encoded(SMALL, "WEBP", save_all=True, append_images=[SMALL.rotate(90)]),
]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(STARTS)))
    for _ in range(draw(st.integers(1, 6))):
        # mostly in the first bytes, where the structure is
        at = draw(st.integers(0, min(len(data), draw(st.sampled_from([40, 700, 100_000]))) - 1))
        data[at] = draw(st.integers(0, 255))
    cut = draw(st.sampled_from([None, None, draw(st.integers(0, len(data)))]))
    return bytes(data[:cut])


@settings(max_examples=150, deadline=None)
@given(damaged_files())
def test_damaged_files_are_read_or_refused_and_the_model_reads_what_was_accepted(
    data: bytes,
) -> None:
    limits = Limits(pixels=200_000)
    try:
        inspect(data, limits)
    except ImageRefused:
        with pytest.raises(ImageRefused):
            pixels(data, height=32, width=32, limits=limits)
    else:
        assert pixels(data, height=32, width=32, limits=limits).shape == (32, 32, 3)


def test_what_a_file_says_in_any_alphabet_is_not_printed(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    profile = bytearray(pictures.SRGB)
    at = profile.index(b"rXYZ") + 4
    profile[at : at + 4] = b"\x7f\xff\xff\xff"  # the tag lies beyond the profile
    name = "größe of alice".encode("latin-1")
    chunk = pictures.png_chunk(b"iCCP", name + b"\0\0" + zlib.compress(bytes(profile)))
    png = encoded(Image.new("RGB", (8, 8)), "PNG")
    inspect(png[:33] + chunk + png[33:])
    assert "".join(capfd.readouterr()) + caplog.text == ""
