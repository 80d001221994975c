"""Does confidence mean what it says?"""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from visionml.evaluation.bootstrap import generator
from visionml.evaluation.calibration import bins, calibration


def test_reliability_bins_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    confidence = rng.uniform(0.3, 1, 900)
    right = rng.random(900) < confidence**2
    found, _ = calibration(confidence, right, np.zeros(900, np.int64), rng=generator())
    accuracy, promised = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    assert [part.accuracy for part in found.bins] == pytest.approx(accuracy.tolist())
    assert [part.confidence for part in found.bins] == pytest.approx(promised.tolist())
    assert {part.images for part in found.bins} == {60}
    assert all(part.low <= part.accuracy <= part.high for part in found.bins)


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    confidence = np.repeat([0.6, 0.9], 40)
    right = np.concatenate([np.arange(40) < 24, np.arange(40) < 20])  # 0.6 and 0.5
    found, (low, high) = calibration(confidence, right, np.zeros(80, np.int64), rng=generator())
    assert found.ece == pytest.approx((0 + 0.4) / 2)
    assert [(part.images, part.accuracy) for part in found.bins] == [(40, 0.6), (40, 0.5)]
    assert 0.08 < low < found.ece < high < 0.32


@pytest.mark.parametrize(("images", "number"), [(1, 1), (39, 1), (60, 3), (5000, 15)])
def test_bins_are_as_many_as_the_images_allow(
    images: int, number: int, rng: np.random.Generator
) -> None:
    member = bins(rng.random(images))
    assert member.shape == (images, number)
    assert (member.sum(axis=1) == 1).all()
    assert member.sum(axis=0).max() - member.sum(axis=0).min() <= 2


def test_equal_confidences_share_a_bin() -> None:
    member = bins(np.ones(400))
    assert member.shape == (400, 1)


def test_a_model_that_is_always_sure_and_right_is_calibrated() -> None:
    found, interval = calibration(
        np.ones(100), np.ones(100, np.bool_), np.arange(100) % 4, rng=generator()
    )
    assert found.ece == 0
    assert interval == (0.0, 0.0)
    assert found.bins[0].low == pytest.approx(0.025**0.01)
