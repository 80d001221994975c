from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from visionml.contracts.inference import InferenceEvent, PixelStatistics, packed
from visionml.monitoring.window import from_events

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ("brightness", "red")


def event(number: int, **changes: Any) -> dict[str, Any]:
    found = {
        "prediction_id": f"p-{number}",
        "time": (NOON - timedelta(minutes=number)).isoformat(),
        "label": "cat",
        "probability": 0.75,
        "probabilities": {"cat": 0.75, "dog": 0.25},
        "model_version": "v-1",
        "variant": "ModelA",
        "latency_ms": 5.0,
        "statistics": {"brightness": 100.0, "red": 50.0},
        "embedding": packed(np.array([1, 2, 3], "<f2").tobytes()),
    }
    return {**found, **changes}


def read(*events: Any, **options: Any) -> Any:
    return from_events(
        events, classes=("cat", "dog"), model_version="v-1", names=NAMES, now=NOON, **options
    )


def test_rows_become_arrays() -> None:
    window = read(event(1), event(2, label="dog", probabilities=[("dog", 0.9), ("cat", 0.1)]))
    np.testing.assert_allclose(window.probabilities, [[0.75, 0.25], [0.1, 0.9]])
    assert window.labels.tolist() == [0, 1]
    np.testing.assert_allclose(window.embeddings, [[1, 2, 3], [1, 2, 3]])
    facts = window.facts()
    assert facts.samples == 2
    assert facts.begin == NOON - timedelta(minutes=2)
    assert facts.latency_p50_ms == 5


def test_records_are_read_as_rows_are() -> None:
    values = event(1)
    values["statistics"] = PixelStatistics(
        brightness=1, contrast=2, sharpness=3, red=4, green=5, blue=6
    )
    record = InferenceEvent(image_sha256="0" * 64, **values)
    np.testing.assert_allclose(read(record).statistics, [[1, 4]])


def test_what_a_short_answer_leaves_out_is_shared_evenly() -> None:
    window = from_events(
        [event(1, probabilities={"cat": 0.8})],
        classes=("cat", "dog", "owl"),
        model_version="v-1",
        now=NOON,
    )
    np.testing.assert_allclose(window.probabilities, [[0.8, 0.1, 0.1]], rtol=1e-5)


def test_events_that_cannot_be_used_are_counted_and_left_out() -> None:
    window = read(
        event(1),
        event(1),
        event(2, model_version="v-0"),
        event(3, label="fox"),
        event(4, time="at noon"),
        {"prediction_id": "p-5"},
        event(6, time=(NOON + timedelta(hours=2)).isoformat()),
        event(7, time=(NOON + timedelta(minutes=2)).isoformat()),
        event(90),
        begin=NOON - timedelta(hours=1),
    )
    facts = window.facts()
    assert (facts.samples, facts.repeated, facts.unreadable) == (2, 1, 4)
    assert (facts.ahead, facts.outside) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"statistics": None}, "brightness"),
        ({"statistics": {"red": 1.0}}, "brightness"),
        ({"embedding": None}, "embedding"),
        ({"embedding": "no base64!"}, "embedding"),
        ({"embedding": packed(b"\x00\x3c")}, "embedding"),
    ],
)
def test_absent_values_are_counted_by_name(changes: dict[str, Any], name: str) -> None:
    facts = read(event(1), event(2), event(3, **changes)).facts()
    assert facts.samples == 3
    assert facts.absent[name] == 1


@pytest.mark.parametrize("value", [1e300, float("nan"), float("-inf")])
def test_values_that_are_no_finite_numbers_are_counted(value: float) -> None:
    facts = read(event(1, statistics={"brightness": value, "red": 1.0})).facts()
    assert facts.not_finite == {"brightness": 1}


def test_no_events_are_an_empty_window() -> None:
    window = read()
    assert len(window) == 0
    assert window.embeddings is None
    assert window.probabilities.shape == (0, 2)
