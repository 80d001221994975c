"""A new model against the one that serves."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from visionml.evaluation.bootstrap import generator
from visionml.evaluation.comparison import compare, difference_interval, mcnemar


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (9, 1), (12, 12), (3, 40), (600, 400)]
)
def test_the_exact_test_is_the_binomial_one(wins: int, losses: int) -> None:
    p_value, method = mcnemar(wins, losses)
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert method == "exact"
    assert p_value == pytest.approx(expected)


@pytest.mark.parametrize(("wins", "losses"), [(2000, 1900), (1900, 2000), (1500, 1500)])
def test_many_images_get_the_corrected_chi_square(wins: int, losses: int) -> None:
    p_value, method = mcnemar(wins, losses)
    statistic = max(0, abs(wins - losses) - 1) ** 2 / (wins + losses)
    assert method == "continuity"
    assert p_value == pytest.approx(chi2.sf(statistic, df=1))
    assert p_value == pytest.approx(binomtest(wins, wins + losses).pvalue, abs=2e-3)


def test_the_interval_is_that_of_paired_differences() -> None:
    low, high = difference_interval(60, 20, images=1000, rng=generator())
    error = 1.96 * np.sqrt((0.08 - 0.04**2) / 1000)
    assert (low, high) == pytest.approx((0.04 - error, 0.04 + error), abs=0.003)


def answers(both: int, wins: int, losses: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    ours = np.repeat([True, True, False, False], [both, wins, losses, neither])
    theirs = np.repeat([True, False, True, False], [both, wins, losses, neither])
    return ours, theirs


def test_a_model_that_is_right_more_often_beyond_noise_is_better() -> None:
    ours, theirs = answers(900, 60, 20, 20)
    found = compare(ours, theirs, champion_version="run-1", rng=generator())
    assert found.better
    assert found.comparable
    assert (found.wins, found.losses) == (60, 20)
    assert found.difference == pytest.approx(0.04)
    assert found.low is not None
    assert found.low > 0
    assert (
        "is better than run-1, which serves: its accuracy differs by +4.00 points" in found.reason
    )


@pytest.mark.parametrize(
    ("wins", "losses"), [(5, 3), (0, 0), (20, 60)], ids=["noise", "equal", "worse"]
)
def test_a_model_within_noise_is_not_better(wins: int, losses: int) -> None:
    ours, theirs = answers(900, wins, losses, 20)
    found = compare(ours, theirs, champion_version="run-1", rng=generator())
    assert not found.better
    assert "is not better beyond noise than run-1" in found.reason


def test_models_of_equal_skill_are_rarely_called_better() -> None:
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(400):
        ours, theirs = rng.random((2, 500)) < 0.9
        called += compare(ours, theirs, champion_version="run-1", rng=generator()).better
    assert called / 400 <= 0.05
