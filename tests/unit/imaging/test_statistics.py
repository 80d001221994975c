"""Statistics of decoded images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, laplace

from tests.fakes import pictures
from visionml.contracts.inference import PIXEL_STATISTICS
from visionml.imaging import statistics
from visionml.imaging.statistics import Source

NOISE = np.random.default_rng(0).integers(0, 256, (3, 24, 17, 3), dtype=np.uint8)


def test_luma_weighs_green_most() -> None:
    pixels = np.eye(3, dtype=np.uint8)[None] * 200
    assert statistics.luma(pixels)[0] == pytest.approx([59.8, 117.4, 22.8], abs=1e-3)


def test_brightness_is_the_mean_luma() -> None:
    grey = statistics.luma(
        np.stack([np.zeros((8, 8, 3)), np.full((8, 8, 3), 255)]).astype(np.uint8)
    )
    assert statistics.brightness(grey) == pytest.approx([0, 255], abs=1e-3)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    grey = statistics.luma(NOISE)
    expected = [laplace(image, mode="nearest").var() for image in grey]
    assert statistics.sharpness(grey) == pytest.approx(expected, rel=1e-4)


def test_blur_lowers_sharpness_and_light_does_not() -> None:
    grey = statistics.luma(NOISE)
    blurred = np.stack([gaussian_filter(image, 1) for image in grey])
    assert (statistics.sharpness(blurred) < 0.1 * statistics.sharpness(grey)).all()
    assert statistics.sharpness(grey + 40) == pytest.approx(statistics.sharpness(grey), rel=1e-3)


def test_an_image_of_one_pixel_is_not_sharp() -> None:
    assert statistics.sharpness(np.full((1, 1, 1), 7, np.float32)).tolist() == [0]


FILE = Source(640, 480, 61_440)


def summarised(pixels: np.ndarray) -> dict[str, np.ndarray]:
    found = statistics.summary(pixels, [FILE] * len(pixels))
    return dict(zip(PIXEL_STATISTICS, found.T, strict=True))


@pytest.mark.parametrize("size", [(3, 3), (8, 9), (32, 32), (224, 224), (100, 301)])
def test_a_summary_of_noise_is_that_of_all_its_pixels(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, *size, 3), np.uint8)
    found, grey = summarised(noise), statistics.luma(noise)
    fifth = 3 / np.sqrt(size[0] * size[1] / 9)
    assert found["brightness"] == pytest.approx(statistics.brightness(grey), abs=40 * fifth)
    assert found["contrast"] == pytest.approx(grey.std(axis=(1, 2)), rel=fifth)
    for index, colour in enumerate(("red", "green", "blue")):
        mean = noise[..., index].mean((1, 2))
        assert found[colour] == pytest.approx(mean, abs=75 * fifth)


def test_a_summary_of_a_photograph_is_close_to_that_of_all_its_pixels() -> None:
    square = np.asarray(pictures.photo().resize((224, 224)))[np.newaxis]
    found, grey = summarised(square), statistics.luma(square)
    assert found["brightness"] == pytest.approx(statistics.brightness(grey), rel=0.05)
    assert found["contrast"] == pytest.approx(grey.std(axis=(1, 2)), rel=0.1)
    assert found["sharpness"] == pytest.approx(statistics.sharpness(grey), rel=0.3)


def test_each_image_is_summarised_for_itself() -> None:
    images = np.stack([NOISE[0], NOISE[1] // 2, np.full_like(NOISE[0], 9)])
    together = statistics.summary(images, [FILE] * 3)
    alone = [statistics.summary(image[np.newaxis], [FILE])[0] for image in images]
    assert together == pytest.approx(np.stack(alone), rel=1e-4, abs=1e-3)
    even = [9, 0, 0, 9, 9, 9, 0, 0, 0, 0, 4 / 3, 0.3072, 0.2]
    assert together[2] == pytest.approx(even, abs=1e-3)


def test_a_summary_sees_blur_light_and_tint() -> None:
    photo = np.asarray(pictures.photo().resize((96, 96))).astype(np.float32)
    changed = [photo, photo * 0.5, gaussian_filter(photo, (1, 1, 0)), photo * (1, 1, 0.5)]
    found = summarised(np.stack(changed).astype(np.uint8))
    assert found["brightness"][1] == pytest.approx(found["brightness"][0] / 2, rel=0.02)
    assert found["sharpness"][2] < 0.3 * found["sharpness"][0]
    assert found["blue"][3] == pytest.approx(found["blue"][0] / 2, rel=0.02)
    assert found["red"][3] == pytest.approx(found["red"][0], rel=0.02)


def test_noise_is_told_from_edges() -> None:
    photo = np.asarray(pictures.photo().resize((224, 224))).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 12, (*photo.shape[:2], 1))
    flat = np.full_like(photo, 128)
    noisy, clean, grey = (
        (each + extra).clip(0, 255).astype(np.uint8)
        for each, extra in ((photo, grain), (photo, 0), (flat, grain))
    )
    found = summarised(np.stack([noisy, clean, grey]))["noise"]
    assert found[2] == pytest.approx(12, rel=0.1)
    assert found[0] - found[1] > 4
    stripes = np.tile(np.arange(96) // 8 % 2 * 200, (96, 1))[..., None].repeat(3, 2)
    assert summarised(stripes[None].astype(np.uint8))["noise"] == pytest.approx(0, abs=1e-3)


def test_saturation_and_cast_are_of_colour_not_of_light() -> None:
    grey, red, dark, half = np.eye(4, dtype=bool)
    pixels = np.zeros((4, 16, 16, 3), np.uint8)
    pixels[grey] = 90
    pixels[red] = (200, 0, 0)
    pixels[dark] = (20, 0, 0)
    pixels[half, ::3] = pixels[half, 1::3] = pixels[half, 2::3] = (200, 100, 200)
    found = summarised(pixels)
    assert found["saturation"] == pytest.approx([0, 1, 1, 0.5], abs=1e-5)
    assert found["colour_cast"] == pytest.approx([0, 1, 1, 0.5], abs=1e-5)
    pixels[half, :, ::2] = (100, 200, 100)
    mixed = summarised(pixels)
    assert mixed["saturation"][3] == pytest.approx(0.5, abs=1e-5)
    assert mixed["colour_cast"][3] == pytest.approx(0, abs=1e-5)


def test_entropy_is_in_bits_of_32_levels() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 3))[None].repeat(24, 0)
    two = np.where(np.arange(64)[:, None] % 2, 0, 255).astype(np.uint8) * np.ones(
        (24, 1, 3), np.uint8
    )
    assert summarised(ramp[None])["entropy"] == pytest.approx(5)
    assert summarised(two[None])["entropy"] == pytest.approx(1)
    assert summarised(np.zeros((1, 9, 9, 3), np.uint8))["entropy"] == pytest.approx(0)


def test_of_the_file_size_shape_and_compression_are_known() -> None:
    found = summarised(NOISE[:1])
    assert found["aspect"] == pytest.approx(4 / 3)
    assert found["megapixels"] == pytest.approx(0.3072)
    assert found["bytes_per_pixel"] == pytest.approx(0.2)
