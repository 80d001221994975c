import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_digits

from tests.fakes import pictures
from tests.fakes.pictures import Pixels, encoded, psnr
from visionml.errors import ImageRefused
from visionml.imaging import model_input
from visionml.imaging.model_input import pixels

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def reference(image: Image.Image, height: int, width: int) -> Pixels:
    """Cover and crop as Pillow does from every pixel of the decoded image."""
    fitted = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def enlarged(image: Image.Image, width: int) -> Image.Image:
    size = (width, image.height * width // image.width)
    return image.resize(size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("size", [(224, 224), (160, 224), (96, 96), (224, 100), (33, 57)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_photos_are_scaled_as_pillow_scales_them(
    index: int, size: tuple[int, int], kind: str
) -> None:
    photo = pictures.photo(index)
    data = encoded(photo, kind, **({"lossless": True} if kind == "WEBP" else {}))
    found = pixels(data, height=size[0], width=size[1])
    assert found.shape == (*size, 3)
    assert found.dtype == np.uint8
    assert psnr(found, reference(photo, *size)) > 40


@pytest.mark.parametrize("width", [640, 641, 1000, 1633, 4000])
def test_jpegs_decoded_at_a_smaller_scale_stay_close_to_pillow(width: int) -> None:
    found = []
    for index in (0, 1):
        data = encoded(enlarged(pictures.photo(index), width), "JPEG", quality=92)
        with Image.open(BytesIO(data)) as decoded:
            wanted = reference(decoded, 96, 128)
        found.append(psnr(pixels(data, height=96, width=128), wanted))
    assert np.mean(found) > 40
    assert min(found) > 37


def test_a_large_jpeg_is_decoded_at_an_eighth() -> None:
    assert model_input._factor(3000, 4000, 224, 224) == 8
    assert model_input._factor(1224, 1632, 224, 224) == 4
    assert model_input._factor(427, 640, 224, 224) == 1
    # 333.5 rows at an eighth would put the crop a quarter of a row beside its place
    assert model_input._factor(2668, 4000, 224, 224) == 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    data = pictures.with_orientation(pictures.corners(), orientation, kind)
    with Image.open(BytesIO(data)) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    found = pixels(data, height=upright.height // 2, width=upright.width // 2)
    wanted = np.asarray(upright.resize((upright.width // 2, upright.height // 2)))
    for row in (4, -5):
        for column in (4, -5):
            assert np.allclose(found[row, column].astype(int), wanted[row, column], atol=12)


def test_grey_is_spread_over_three_channels() -> None:
    grey = pictures.photo().convert("L")
    for kind in ("PNG", "JPEG"):
        found = pixels(encoded(grey, kind), height=64, width=64)
        assert np.array_equal(found[..., 0], found[..., 1])
        assert np.array_equal(found[..., 0], found[..., 2])
        assert psnr(found, reference(grey, 64, 64)) > 37


def test_sixteen_bits_become_eight() -> None:
    eight = np.asarray(pictures.photo().resize((160, 106)))
    sixteen = pictures.sixteen_bit_png(eight.astype(np.uint16) * 257)
    wanted = pixels(encoded(Image.fromarray(eight), "PNG"), height=64, width=64)
    found = pixels(sixteen, height=64, width=64)
    assert np.abs(found.astype(int) - wanted).max() <= 1
    grey = pictures.sixteen_bit_png(eight[..., :1].astype(np.uint16) * 257)
    assert psnr(pixels(grey, height=64, width=64)[..., 0], wanted[..., 0]) > 45


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_parts_show_white(mode: str, kind: str) -> None:
    image = Image.new(mode, (40, 40), (0,) * len(mode))  # black, and wholly transparent
    image.paste((0,) * (len(mode) - 1) + (255,), (0, 0, 20, 40))  # the left half is opaque
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    found = pixels(encoded(image.convert("RGBA") if kind == "WEBP" else image, kind, **options),
                   height=40, width=40)  # fmt: skip
    assert found[:, :18].max() <= 4
    assert found[:, 22:].min() >= 251


def test_palettes_are_resolved() -> None:
    image = pictures.corners().quantize(4)
    found = pixels(encoded(image, "PNG"), height=40, width=60)
    assert [tuple(found[row, column]) for row in (5, 35) for column in (5, 55)] == [
        RED, GREEN, BLUE, YELLOW,
    ]  # fmt: skip


def test_cmyk_is_converted_by_colour_not_by_channel() -> None:
    image = Image.new("CMYK", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (32, 0, 64, 64))
    found = pixels(encoded(image, "JPEG", quality=95), height=64, width=64)
    assert found[:, :24].min() > 240  # no ink is white
    assert found[:, 40:].max() < 70  # black ink is dark


def test_scanned_digits_are_enlarged_smoothly_without_a_shift() -> None:
    digit = np.rint(load_digits().images[3] * (255 / 16)).astype(np.uint8)
    found = pixels(encoded(Image.fromarray(digit), "PNG"), height=32, width=32)
    wanted = Image.fromarray(digit).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)
    assert psnr(found, np.asarray(wanted)) > 42
    mirrored = pixels(encoded(Image.fromarray(digit[:, ::-1]), "PNG"), height=32, width=32)
    assert np.abs(found[:, ::-1].astype(int) - mirrored).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (500, 31)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_shape_covers_the_input(size: tuple[int, int], kind: str) -> None:
    data = encoded(Image.new("RGB", size, (200, 100, 50)), kind)
    found = pixels(data, height=32, width=48)
    assert found.shape == (32, 48, 3)
    assert np.abs(found.reshape(-1, 3).astype(int) - (200, 100, 50)).max() <= 8


def test_cropping_keeps_the_centre() -> None:
    strip = np.zeros((50, 250, 3), np.uint8)
    strip[:, 100:150] = 255
    for kind in ("PNG", "JPEG"):
        found = pixels(encoded(Image.fromarray(strip), kind), height=50, width=50)
        assert found[:, 2:-2].min() > 245
        assert np.abs(found.astype(int) - found[:, ::-1]).max() <= 12


def test_truncated_bytes_give_no_pixels() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encoded(pictures.photo(), kind)
        with pytest.raises(ImageRefused) as refused:
            pixels(data[: len(data) // 2], height=64, width=64)
        assert refused.value.reason == "truncated"


def test_another_process_gives_the_same_bits(tmp_path: Path) -> None:
    program = (
        "import hashlib, pathlib, sys\n"
        "from visionml.imaging.model_input import pixels\n"
        "data = pathlib.Path(sys.argv[1]).read_bytes()\n"
        "print(hashlib.sha256(pixels(data, height=96, width=64).tobytes()).hexdigest())\n"
    )
    file = tmp_path / "photo"
    file.write_bytes(encoded(enlarged(pictures.photo(), 1200), "JPEG"))
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
