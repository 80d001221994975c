from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.monitoring.answers import answers
from visionml.errors import InvalidInput
from visionml.experiments.shares import Trials, wilson
from visionml.monitoring.confidence import estimate, reliability
from visionml.monitoring.performance import performance, series

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def truths(*pairs: tuple[str, str], hour: int = 1, name: str = "p") -> list[dict[str, object]]:
    return [
        {
            "prediction_id": f"{name}{hour}-{number}",
            "time": (BEGIN + timedelta(hours=hour)).isoformat(),
            "label": label,
            "predicted": predicted,
            "correct": label == predicted,
            "model_version": "v-1",
            "variant": "ModelA",
        }
        for number, (label, predicted) in enumerate(pairs)
    ]


def test_accuracy_precision_and_recall_follow_from_truths() -> None:
    rows = truths(("cat", "cat"), ("cat", "dog"), ("dog", "dog"), ("dog", "dog"))
    found = performance(rows, begin=BEGIN, end=BEGIN + DAY, model_version="v-1", variant="ModelA")
    assert (found.accuracy, found.labelled) == (0.75, 4)
    assert found.interval == wilson(Trials(3, 4))
    assert (found.classes["cat"].precision, found.classes["cat"].recall) == (1.0, 0.5)
    assert found.classes["dog"].precision == pytest.approx(2 / 3)
    assert found.classes["dog"].recall_interval == wilson(Trials(2, 2))


def test_rows_of_others_and_of_another_time_are_passed_over() -> None:
    rows = truths(("cat", "cat"))
    others = [
        {**rows[0], "prediction_id": "a", "variant": "ModelB"},
        {**rows[0], "prediction_id": "b", "model_version": "v-2"},
        {**rows[0], "prediction_id": "c", "time": "2027-01-01T00:00:00+00:00"},
        {**rows[0], "prediction_id": "d", "time": "yesterday"},
        {**rows[0], "prediction_id": "e", "label": None},
        {**rows[0], "label": "dog"},  # told again
    ]
    found = performance(
        [*rows, *others], begin=BEGIN, end=BEGIN + DAY, model_version="v-1", variant="ModelA"
    )
    assert (found.labelled, found.accuracy) == (1, 0.0)


def test_without_a_truth_nothing_is_claimed() -> None:
    found = performance([], begin=BEGIN, end=BEGIN + DAY, model_version="v-1", variant="ModelA")
    assert (found.accuracy, found.interval, found.classes) == (None, (0.0, 1.0), {})


def test_a_series_has_a_point_a_period_and_the_promise_beside_it() -> None:
    known = reliability(answers(1000, seed=1))
    assert known is not None
    promised = estimate(known, answers(300, seed=2), trusted=True)
    assert promised is not None
    points = series(
        [*truths(("cat", "cat"), hour=1), *truths(("cat", "dog"), ("cat", "cat"), hour=30)],
        begin=BEGIN,
        end=BEGIN + 3 * DAY,
        step=DAY,
        model_version="v-1",
        variant="ModelA",
        estimates=[(BEGIN + timedelta(hours=30), promised)],
    )
    assert [each.accuracy for each in points] == [1.0, 0.5, None]
    assert [each.estimate for each in points] == [None, promised, None]


def test_a_series_without_steps_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no series"):
        series(
            [],
            begin=BEGIN,
            end=BEGIN + DAY,
            step=timedelta(0),
            model_version="v-1",
            variant="ModelA",
        )


def test_the_estimate_s_bound_holds_nineteen_times_of_twenty() -> None:
    known = reliability(answers(1500, seed=1, sureness=2.0))
    assert known is not None
    inside = 0
    for seed in range(200):
        window = answers(400, seed=1000 + seed, sureness=2.0)
        found = estimate(known, window, trusted=True)
        assert found is not None
        assert window.truths is not None
        inside += found.low <= np.mean(window.labels == window.truths) <= found.high
    assert inside >= 180  # 190 in the mean; fewer than 180 has a probability of one in 500


def test_the_estimate_follows_when_images_get_harder() -> None:
    # confidence keeps its meaning: classes are mixed otherwise, by how sure the model is
    whole = answers(4000, seed=3, sureness=2.0)
    known = reliability(whole.take(slice(0, 2000)))
    assert known is not None
    rest = whole.take(slice(2000, None))
    hard = rest.take(np.argsort(rest.probabilities.max(axis=1))[:600])
    found = estimate(known, hard, trusted=True)
    assert found is not None
    assert hard.truths is not None
    truth = np.mean(hard.labels == hard.truths)
    assert found.low <= truth <= found.high
    assert found.accuracy < found.reference - 0.1


def test_without_truths_in_the_baseline_there_is_no_estimate() -> None:
    window = answers(300)
    assert window.truths is not None
    window.truths[:] = -1
    assert reliability(window) is None


def test_an_empty_window_has_no_estimate() -> None:
    known = reliability(answers(300))
    assert known is not None
    assert estimate(known, answers(10).take(slice(0, 0)), trusted=True) is None
