"""Bootstrap intervals."""

import numpy as np
import pytest

from visionml.evaluation import bootstrap
from visionml.evaluation.bootstrap import generator
from visionml.evaluation.figures import confusion


def test_a_resample_draws_as_many_images_of_each_stratum_as_there_are(
    rng: np.random.Generator,
) -> None:
    strata = rng.integers(0, 4, 300)
    member = np.eye(4)[strata]
    sums = bootstrap.resampled_sums(member, strata, rng=generator(), resamples=50)
    assert (sums == np.bincount(strata)).all()


def test_the_interval_of_an_accuracy_is_that_of_the_normal_approximation(
    rng: np.random.Generator,
) -> None:
    right = rng.random(2000) < 0.9
    sums = bootstrap.resampled_sums(right[:, None], np.zeros(2000, np.int64), rng=generator())
    low, high = bootstrap.interval(sums[:, 0] / 2000)
    error = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 2000)
    assert (low, high) == pytest.approx((right.mean() - error, right.mean() + error), abs=0.003)


def test_the_interval_holds_the_truth_as_often_as_it_says(rng: np.random.Generator) -> None:
    held = 0
    for sample in range(300):
        right = rng.random(200) < 0.8
        strata = np.zeros(200, np.int64)
        sums = bootstrap.resampled_sums(
            right[:, None], strata, rng=generator(sample), resamples=300
        )
        low, high = bootstrap.interval(sums[:, 0] / 200)
        held += low <= 0.8 <= high
    assert 0.90 <= held / 300 <= 0.985


def test_resampled_figures_are_those_of_resampled_images(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 2], [150, 60, 30])
    predicted = np.where(rng.random(240) < 0.85, truth, rng.integers(0, 3, 240))
    found = bootstrap.resampled_figures(
        confusion(truth, predicted, classes=3), rng=generator(), resamples=2000
    )
    members = [np.flatnonzero(truth == k) for k in range(3)]
    one_by_one = []
    for _ in range(2000):
        drawn = np.concatenate([rng.choice(member, len(member)) for member in members])
        hits = predicted[drawn] == truth[drawn]
        one_by_one.append([hits[truth[drawn] == k].mean() for k in range(3)])
    expected = np.array(one_by_one)
    assert found.overall["macro_recall"].std() == pytest.approx(
        expected.mean(axis=1).std(), rel=0.1
    )
    for k in range(3):
        low, high = bootstrap.interval(found.classes["recall"][:, k])
        one_image = 1 / len(members[k]) + 0.001
        assert (low, high) == pytest.approx(bootstrap.interval(expected[:, k]), abs=one_image)


@pytest.mark.parametrize(
    ("value", "trials", "expected"),
    [
        # Clopper-Pearson, as scipy.stats.binomtest(10, 10).proportion_ci("exact") gives it
        (1.0, 10, (0.69150, 1.0)),
        (0.0, 10, (0.0, 0.30850)),
        (1.0, 0, (0.0, 1.0)),
    ],
)
def test_a_share_at_its_end_has_the_exact_interval(
    value: float, trials: int, expected: tuple[float, float]
) -> None:
    found = bootstrap.share_interval(np.full(100, value), value=value, trials=trials)
    assert found == pytest.approx(expected, abs=1e-5)


def test_many_small_classes_tell_as_much_as_their_harmonic_mean_says() -> None:
    assert bootstrap.effective(np.array([50, 50, 0])) == 100
    assert bootstrap.effective(np.array([99, 1])) == pytest.approx(3.96)
    assert bootstrap.effective(np.array([0])) == 0


def test_the_same_report_has_the_same_intervals(rng: np.random.Generator) -> None:
    columns, strata = rng.random((100, 3)), rng.integers(0, 2, 100)
    first = bootstrap.resampled_sums(columns, strata, rng=generator())
    assert np.array_equal(first, bootstrap.resampled_sums(columns, strata, rng=generator()))
