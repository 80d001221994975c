import numpy as np
import pytest
from scipy import stats

from tests.unit.monitoring.answers import MODEL, answers
from visionml.monitoring import features
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.features import legendre, ranks_of
from visionml.monitoring.findings import corrected
from visionml.monitoring.scores import log_p, noise, smooth_scores


def test_p_values_are_corrected_as_scipy_does_it() -> None:
    p_values = np.array([0.001, 0.2, 0.012, 0.04, 0.04, 0.9, 0.0])
    expected = stats.false_discovery_control(p_values, method="bh")
    np.testing.assert_allclose(corrected(p_values), expected)


def test_legendre_polynomials_of_even_ranks_are_uncorrelated_and_of_variance_1() -> None:
    ranks = ((np.arange(100_000) + 0.5) / 100_000).astype(np.float32)
    columns = np.stack(legendre(ranks)).astype(np.float64)
    np.testing.assert_allclose(columns @ columns.T / 100_000, np.eye(4), atol=1e-4)
    np.testing.assert_allclose(columns.mean(axis=1), 0, atol=1e-4)


@pytest.mark.parametrize(("degrees", "score"), [(4, 13.28), (9, 21.67), (60, 88.38)])
def test_log_p_of_chi_square_scores_is_that_of_its_tables(degrees: int, score: float) -> None:
    # the tables' 1 % points
    null = np.array([[degrees, (2 * degrees) ** 0.5, (8 / degrees) ** 0.5]])
    assert np.exp(log_p(np.array([score]), null))[0] == pytest.approx(0.01, rel=0.03)


def test_log_p_goes_on_where_p_values_are_zero() -> None:
    null = np.array([[4.0, 8**0.5, 2**0.5]])
    far, farther = log_p(np.array([[1e4], [1e5]]), null)[:, 0]
    assert -np.inf < farther < far < -1000


def test_noise_is_that_of_a_difference_of_two_means() -> None:
    assert noise(100, 400) == pytest.approx(0.0125)
    assert noise(100, 400, rare=100) == pytest.approx(0.01 + 1.25 / 400)


def test_the_smooth_score_of_even_ranks_is_the_sum_of_squares(baseline: Baseline) -> None:
    maps, moments = baseline.maps, baseline.moments
    moved = np.zeros(maps.groups["statistics"].stop)
    columns = moved[maps.groups["statistics"]].reshape(4, -1)
    columns[:, 0] = (3, 0, -2, 1)
    assert smooth_scores(maps, moments, moved)[0] == pytest.approx(14, rel=0.2)


def test_ranks_are_shares_of_the_baseline_below(baseline: Baseline) -> None:
    window = answers(3)
    window.statistics[:, 0] = (120, -1e9, 1e9)  # the middle, and beyond both ends
    window.statistics[:, 3] = (1.5, 1.2, 2)  # aspect is 1.5 throughout the baseline
    ranks = ranks_of(baseline.maps, window.statistics)
    np.testing.assert_allclose(ranks[:, 0], (0.5, 0, 1), atol=0.05)
    np.testing.assert_allclose(ranks[:, 3], (0.5, 0, 1))


def test_distances_tell_odd_answers(baseline: Baseline) -> None:
    usual = features.distances(baseline.maps, answers(300, seed=2))
    odd = features.distances(baseline.maps, answers(300, seed=3, odd=1.0))
    assert np.median(odd) > 2 * np.median(usual)
    # of a k-dimensional normal distribution the mean square is k
    assert np.mean(usual**2) == pytest.approx(baseline.maps.directions, rel=0.3)


def test_models_are_named(baseline: Baseline) -> None:
    assert baseline.facts.model_version == MODEL
