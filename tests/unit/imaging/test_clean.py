import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from tests.fakes import hostile, pictures
from tests.fakes.pictures import SRGB, encoded, psnr, swapped_profile
from visionml.errors import ImageRefused
from visionml.imaging.clean import cleaned
from visionml.imaging.inspect import admit, inspect

SECRET = b"the secret place"
PHOTO = pictures.photo().crop((0, 0, 320, 200))


def exif(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = SECRET.decode()
    block.get_ifd(0x8825)[29] = SECRET.decode()
    return block.tobytes()


def told(kind: str, **options: object) -> bytes:
    """Return a file that tells a secret wherever its format has room for one."""
    if kind == "JPEG":
        options = {"comment": SECRET, "xmp": b"<x:xmpmeta>" + SECRET, **options}
    elif kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options = {"pnginfo": text, **options}
    else:
        options = {"xmp": SECRET, "lossless": True, **options}
    data = encoded(PHOTO, kind, **{"exif": exif(), "icc_profile": SRGB, **options})
    assert SECRET in data
    return data


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": False}),
    ],
)
def test_metadata_goes_and_every_pixel_stays(kind: str, options: dict[str, object]) -> None:
    data = told(kind, **options)
    clean = cleaned(data)
    assert clean.copied
    assert SECRET not in clean.content
    found, wanted = opened(clean.content), opened(data)
    assert (found.format, found.size) == (wanted.format, (clean.width, clean.height))
    assert not found.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment", "Comment"} & set(found.info)
    assert np.array_equal(np.asarray(found), np.asarray(wanted))
    assert inspect(clean.content).format == kind.lower()
    assert cleaned(clean.content).content == clean.content


def test_the_thumbnail_and_what_follows_the_picture_go_too() -> None:
    data = encoded(PHOTO, "JPEG")
    jfif = b"\xff\xe0\0\x1cJFIF\0\1\1\0\0\1\0\1\2\2" + SECRET[:12]
    extension = b"\xff\xe0\0\x0aJFXX\0" + SECRET[:3]
    film = b"\0\0\0\x18ftypmp42" + SECRET
    clean = cleaned(b"\xff\xd8" + jfif + extension + data[20:] + film)
    assert clean.content == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 7])
def test_a_turned_image_is_stored_upright(kind: str, orientation: int) -> None:
    data = told(kind, exif=exif(orientation))
    clean = cleaned(data)
    assert not clean.copied
    assert SECRET not in clean.content
    found = opened(clean.content)
    wanted = ImageOps.exif_transpose(opened(data))
    assert found.format == kind
    assert found.size == wanted.size == (clean.width, clean.height)
    assert not found.getexif()
    assert psnr(np.asarray(found), np.asarray(wanted)) > (36 if kind == "JPEG" else 90)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_another_profile_becomes_srgb(kind: str) -> None:
    data = encoded(Image.new("RGB", (40, 30), (200, 30, 30)), kind, icc_profile=swapped_profile())
    clean = cleaned(data)
    assert not clean.copied
    found = opened(clean.content)
    assert "icc_profile" not in found.info
    assert np.allclose(np.asarray(found).mean(axis=(0, 1)), (30, 30, 200), atol=6)


def test_cmyk_becomes_rgb_and_transparency_stays() -> None:
    assert opened(cleaned(encoded(PHOTO.convert("CMYK"), "JPEG")).content).mode == "RGB"
    half = PHOTO.convert("RGBA")
    half.putalpha(Image.linear_gradient("L").resize(half.size))
    for kind in ("PNG", "WEBP"):
        for turned in (1, 6):
            data = encoded(half, kind, exif=exif(turned), lossless=True)
            wanted = ImageOps.exif_transpose(opened(data))
            found = opened(cleaned(data).content)
            assert np.array_equal(np.asarray(found)[..., 3], np.asarray(wanted)[..., 3])


@pytest.mark.parametrize(
    "case", [case for case in hostile.corpus() if not case.reason], ids=lambda case: case.name
)
def test_every_accepted_file_of_the_corpus_can_be_cleaned(case: hostile.Case) -> None:
    facts = inspect(case.data)
    clean = cleaned(case.data)
    assert admit(clean.content).upright_size == facts.upright_size
    assert inspect(clean.content).orientation == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_damage_is_refused_or_cleaned_without_a_crash(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(told(kind, exif=exif(6)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ImageRefused):
        assert cleaned(bytes(damaged)).content
