"""Statistics of decoded images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, laplace

from visionml.imaging import statistics

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
