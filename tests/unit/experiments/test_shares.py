"""Intervals, tests and sample sizes agree with the figures that were published for them."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from visionml.errors import InvalidInput
from visionml.experiments.shares import Trials, best, compare, difference, sample_size, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_shares_interval_is_newcombes_method_3(
    successes: int, trials: int, low: float, high: float
) -> None:
    found = wilson(Trials(successes, trials))
    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_a_differences_interval_is_newcombes_method_10(
    b: tuple[int, int], a: tuple[int, int], low: float, high: float
) -> None:
    found = difference(Trials(*a), Trials(*b))
    assert found == pytest.approx((low, high), abs=5e-5)


def test_without_trials_everything_is_possible() -> None:
    assert wilson(Trials(0, 0)) == (0, 1)
    assert difference(Trials(0, 0), Trials(3, 4)) == (-1, 1)
    assert compare(Trials(0, 0), Trials(3, 4)).p_value == 1
    assert math.isnan(Trials(0, 0).share)


def test_many_trials_are_compared_by_the_pooled_z_test_and_few_exactly() -> None:
    table = [[480, 20], [130, 20]]
    found = compare(Trials(480, 500), Trials(130, 150))
    chi_square = stats.chi2_contingency(table, correction=False)
    assert found.method == "z"
    assert found.p_value == pytest.approx(chi_square.pvalue)
    few = compare(Trials(3, 3), Trials(0, 3))
    assert few.method == "exact"
    assert few.p_value == pytest.approx(0.1)


def closed_form(a: Trials, b: Trials) -> float:
    """P(b > a) of two Beta posteriors: evanmiller.org/bayesian-ab-testing.html."""
    alpha_a, beta_a = 1 + a.successes, 1 + a.trials - a.successes
    alpha_b, beta_b = 1 + b.successes, 1 + b.trials - b.successes

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return sum(
        math.exp(
            log_beta(alpha_a + i, beta_a + beta_b)
            - math.log(beta_b + i)
            - log_beta(1 + i, beta_b)
            - log_beta(alpha_a, beta_a)
        )
        for i in range(alpha_b)
    )


@pytest.mark.parametrize(
    ("a", "b"), [((0, 0), (0, 0)), ((1, 10), (3, 12)), ((450, 500), (190, 200)), ((9, 9), (0, 5))]
)
def test_which_is_better_has_the_probability_of_the_closed_form(
    a: tuple[int, int], b: tuple[int, int]
) -> None:
    found = best([Trials(*a), Trials(*b)])
    assert sum(found) == pytest.approx(1)
    assert found[1] == pytest.approx(closed_form(Trials(*a), Trials(*b)), abs=2e-4)


def test_the_best_of_equal_arms_is_any_of_them() -> None:
    assert best([Trials(5, 9)] * 3) == pytest.approx((1 / 3,) * 3)


def test_the_sample_size_is_that_of_rs_power_prop_test() -> None:
    assert sample_size(0.5, 0.75, power=0.9) == (77, 77)
    assert sample_size(0.75, 0.5, power=0.9) == (77, 77)


def test_so_many_samples_find_the_difference_in_four_of_five_cases() -> None:
    a, b = sample_size(0.90, 0.94, ratio=0.25)
    assert a / b == pytest.approx(4, rel=0.01)
    rng, runs = np.random.default_rng(0), 2000
    found = sum(
        compare(Trials(right_a, a), Trials(right_b, b)).p_value < 0.05
        for right_a, right_b in zip(
            rng.binomial(a, 0.90, runs).tolist(), rng.binomial(b, 0.94, runs).tolist(), strict=True
        )
    )
    assert found / runs == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(("a", "b", "ratio"), [(0.5, 0.5, 1), (0.5, 1.5, 1), (0.5, 0.6, 0)])
def test_what_no_number_of_samples_tells_apart_is_refused(a: float, b: float, ratio: float) -> None:
    with pytest.raises(InvalidInput):
        sample_size(a, b, ratio=ratio)


@example(300, 0, 0, 1)
@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_the_order_of_the_sides_turns_the_sign_and_nothing_else(
    right_a: int, wrong_a: int, right_b: int, wrong_b: int
) -> None:
    a, b = Trials(right_a, right_a + wrong_a), Trials(right_b, right_b + wrong_b)
    low, high = difference(a, b)
    assert difference(b, a) == pytest.approx((-high, -low))
    assert -1 <= low <= high <= 1
    assert compare(a, b).p_value == pytest.approx(compare(b, a).p_value)
    assert 0 <= compare(a, b).p_value <= 1 + 1e-9
