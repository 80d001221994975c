import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity

from tests.fakes import hostile, pictures
from tests.fakes.pictures import SRGB, Pixels, encoded, psnr, swapped_profile
from visionml.errors import ImageRefused
from visionml.imaging.colour import changes_colours
from visionml.imaging.header import Limits, segments
from visionml.imaging.previews import Preview, fitting, previews

JFIF, FRAME = 0xE0, 0xC0


def photo(width: int, height: int, index: int = 0) -> Image.Image:
    return pictures.photo(index).resize((width, height), Image.Resampling.LANCZOS)


def opened(preview: Preview) -> Image.Image:
    image = Image.open(io.BytesIO(preview.content))
    assert image.size == (preview.width, preview.height)
    return image


def quantisation(data: bytes) -> list[bytes]:
    return [data[start:end] for marker, start, end in segments(data) if marker == 0xDB]


def similarity(data: bytes, wanted: Image.Image) -> float:
    with Image.open(io.BytesIO(data)) as found:
        return float(
            structural_similarity(  # type: ignore[no-untyped-call]
                np.asarray(found.convert("L")), np.asarray(wanted.convert("L")), data_range=255
            )
        )


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1632, 1224), {150: (150, 113), 300: (300, 225), 800: (800, 600)}),
        ((1000, 2000), {150: (75, 150), 300: (150, 300), 800: (400, 800)}),
        ((200, 100), {150: (150, 75), 300: (200, 100), 800: (200, 100)}),
        ((6000, 1), {150: (150, 1), 300: (300, 1), 800: (800, 1)}),
        ((1, 1), {150: (1, 1), 300: (1, 1), 800: (1, 1)}),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_previews_fit_inside_and_never_grow(
    size: tuple[int, int], wanted: dict[int, tuple[int, int]], kind: str
) -> None:
    made = previews(encoded(photo(*size), kind)).by_size
    assert {side: opened(preview).size for side, preview in made.items()} == wanted


def test_fitting_rounds_and_keeps_a_pixel() -> None:
    assert fitting(1224, 1632, 150) == (113, 150)
    assert fitting(1, 6000, 150) == (1, 150)
    assert fitting(10, 10, 150) == (10, 10)


def test_a_preview_is_a_plain_jpeg_of_quality_85() -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    data = encoded(photo(400, 300), "JPEG", exif=exif.tobytes(), icc_profile=SRGB, comment=b"me")
    made = previews(data).by_size[150]
    assert not [m for m, _, _ in segments(made.content) if m > JFIF or m == 0xFE]
    assert quantisation(made.content) == quantisation(encoded(photo(9, 9), "JPEG", quality=85))


@pytest.mark.parametrize(
    ("size", "most"),
    [
        ((1632, 1224), 0.0015),
        ((640, 427), 0.0015),
        # 1000.5 decoded columns: the preview is a fifth of a pixel beside its place
        ((2668, 2001), 0.006),
    ],
)
def test_previews_of_jpegs_are_as_good_as_those_from_every_pixel(
    size: tuple[int, int], most: float
) -> None:
    lost = []
    for index in (0, 1):
        data = encoded(photo(*size, index), "JPEG", quality=90)
        with Image.open(io.BytesIO(data)) as decoded:
            whole = decoded.convert("RGB")
        for preview in previews(data).by_size.values():
            best = whole.resize((preview.width, preview.height), Image.Resampling.LANCZOS)
            ceiling = similarity(encoded(best, "JPEG", quality=85), best)
            lost.append(ceiling - similarity(preview.content, best))
    assert np.mean(lost) <= most


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_previews_of_other_formats_look_like_those_of_pillow(kind: str) -> None:
    image = photo(1200, 900)
    data = encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    for preview in previews(data).by_size.values():
        with opened(preview) as found:
            wanted = image.resize(found.size, Image.Resampling.LANCZOS)
            assert psnr(np.asarray(found), np.asarray(wanted)) > 31


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_previews_stand_upright(orientation: int, kind: str) -> None:
    data = pictures.with_orientation(pictures.corners(), orientation, kind)
    with Image.open(io.BytesIO(data)) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    made = previews(data, sizes=(30, 100)).by_size
    assert opened(made[100]).size == upright.size
    found = np.asarray(opened(made[30]), int)
    wanted = np.asarray(upright.resize(opened(made[30]).size), int)
    for row in (3, -4):
        for column in (3, -4):
            assert np.allclose(found[row, column], wanted[row, column], atol=40)


def test_the_profile_of_every_camera_that_means_srgb_changes_nothing() -> None:
    assert not changes_colours(SRGB)
    assert changes_colours(swapped_profile())
    assert not changes_colours(b"no profile at all")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_colours_are_brought_to_srgb(kind: str) -> None:
    image = Image.new("RGB", (60, 40), (200, 30, 30))
    plain = np.asarray(opened(previews(encoded(image, kind)).by_size[150]))
    managed = encoded(image, kind, icc_profile=swapped_profile())
    shown = np.asarray(opened(previews(managed).by_size[150]))
    assert np.allclose(plain.mean(axis=(0, 1)), (200, 30, 30), atol=6)
    assert np.allclose(shown.mean(axis=(0, 1)), (30, 30, 200), atol=6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_broken_profile_is_passed_over(kind: str) -> None:
    data = encoded(Image.new("RGB", (60, 40), (200, 30, 30)), kind, icc_profile=b"x" * 200)
    shown = np.asarray(opened(previews(data).by_size[150]))
    assert np.allclose(shown.mean(axis=(0, 1)), (200, 30, 30), atol=6)


def test_cmyk_grey_deep_and_transparent_images_look_as_they_should() -> None:
    red = Image.new("RGB", (40, 40), (220, 40, 40))
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    deep = np.full((40, 40, 4), 65535, np.uint16) * np.array([1, 0, 0, 1], np.uint16)
    hidden = deep * np.array([1, 1, 1, 0], np.uint16)
    cases: list[tuple[bytes, tuple[int, int, int], int]] = [
        (encoded(red.convert("CMYK"), "JPEG"), (220, 40, 40), 45),
        (encoded(Image.new("L", (40, 40), 77), "JPEG"), (77, 77, 77), 3),
        (encoded(Image.new("L", (40, 40), 77), "PNG"), (77, 77, 77), 3),
        (encoded(clear, "PNG"), (255, 255, 255), 2),
        (encoded(clear, "WEBP", lossless=True), (255, 255, 255), 2),
        (pictures.sixteen_bit_png(deep), (255, 0, 0), 3),
        (pictures.sixteen_bit_png(hidden), (255, 255, 255), 2),
    ]
    for data, wanted, tolerance in cases:
        shown = np.asarray(opened(previews(data).by_size[150]))
        assert np.allclose(shown.mean(axis=(0, 1)), wanted, atol=tolerance)


def test_images_of_one_shape_do_not_show_one_another() -> None:
    files = [encoded(photo(900, 700, index), "JPEG") for index in (0, 1)]
    files.append(encoded(Image.new("RGB", (900, 700), "teal"), "JPEG"))
    alone = [previews(data).by_size for data in files]
    assert len({made[150].content for made in alone}) == len(files)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda number: previews(files[number % 3]).by_size, range(24)))
    assert all(made == alone[number % 3] for number, made in enumerate(together))


def test_the_pixels_are_those_of_the_middle_preview() -> None:
    made = previews(encoded(photo(900, 700), "JPEG"))
    found: Pixels = made.pixels
    assert found.shape == (233, 300, 3)
    assert psnr(found, np.asarray(opened(made.by_size[300]))) > 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_is_cut_off_has_no_previews(kind: str) -> None:
    data = encoded(photo(900, 700), kind)
    with pytest.raises(ImageRefused) as refused:
        previews(data[: len(data) * 9 // 10])
    assert refused.value.reason == "truncated"
    with pytest.raises(ImageRefused):
        previews(data, limits=Limits(pixels=1000))


@pytest.mark.parametrize(
    "case",
    [case for case in hostile.corpus() if case.reason != "polyglot"],
    ids=lambda case: case.name,
)
def test_every_hostile_file_has_previews_or_its_reason(case: hostile.Case) -> None:
    if case.reason is None:
        assert set(previews(case.data).by_size) == {150, 300, 800}
        return
    with pytest.raises(ImageRefused) as refused:
        previews(case.data)
    assert refused.value.reason == case.reason


def test_struct_of_a_preview_is_complete() -> None:
    made = previews(encoded(photo(400, 300), "JPEG")).by_size[300]
    frame = next(start for marker, start, _ in segments(made.content) if marker == FRAME)
    assert struct.unpack_from(">BHH", made.content, frame) == (8, 225, 300)
