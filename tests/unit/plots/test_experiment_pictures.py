"""The pictures of experiments."""

import numpy as np
import pandas as pd
import pytest

from visionml.errors import NotFound
from visionml.experiments.comparison import Arm, judge
from visionml.experiments.policies import Fixed, Thompson
from visionml.experiments.shares import Trials
from visionml.experiments.simulation import simulate
from visionml.plots import experiments

PNG = b"\x89PNG"


def arm(variant: str, right: int, labels: int) -> Arm:
    return Arm(variant, "run-1", Trials(right, labels), Trials(0, labels))


def test_two_variants_are_drawn_with_what_their_accuracies_may_be() -> None:
    found = judge(arm("ModelA", 720, 800), arm("ModelB", 194, 200))
    drawn = experiments.against(found)
    left, right = drawn.figure.axes
    peaks = [line.get_xdata()[np.argmax(line.get_ydata())] for line in left.lines]  # type: ignore[index]
    assert peaks == pytest.approx([0.9, 0.97], abs=0.003)
    bars = right.containers[0].lines[2][0].get_segments()[0]  # type: ignore[attr-defined]
    assert [end[0] for end in bars] == pytest.approx([found.low, found.high])
    assert right.get_title(loc="left") == "ModelB is better"
    assert drawn.description == found.sentence
    assert drawn.png(dots_per_inch=60).startswith(PNG)


def test_without_labels_there_is_no_picture_of_accuracies() -> None:
    with pytest.raises(NotFound, match="no true label is known for ModelB"):
        experiments.against(judge(arm("ModelA", 3, 4), arm("ModelB", 0, 0)))


def test_traffic_is_drawn_as_shares_of_each_minute() -> None:
    minutes = pd.date_range("2026-11-20 10:00", periods=3, freq="min", tz="UTC")
    counts = pd.DataFrame({"ModelA": [8, 0, 5], "ModelB": [2, 0, 5]}, index=minutes)
    drawn = experiments.shares(counts)
    upper, lower = drawn.figure.axes
    a, b = ([bar.get_height() for bar in bars] for bars in upper.containers)
    assert a == pytest.approx([0.8, 0.5])
    assert b == pytest.approx([0.2, 0.5])
    assert [bar.get_x() + 0.45 for bar in lower.patches] == pytest.approx([0, 2])  # type: ignore[attr-defined]
    assert drawn.description == "20 requests, answered by: ModelA 65%, ModelB 35%."
    assert drawn.png(dots_per_inch=60).startswith(PNG)
    with pytest.raises(NotFound):
        experiments.shares(counts[1:2])


def test_regret_is_drawn_for_each_policy() -> None:
    found = [
        simulate(policy, (0.6, 0.9), requests=2000, runs=3)
        for policy in (Fixed((0.5, 0.5)), Thompson())
    ]
    drawn = experiments.regret(found)
    left, right = drawn.figure.axes
    assert [line.get_label() for line in left.lines] == ["fixed", "thompson"]
    assert right.lines[0].get_ydata() == pytest.approx(np.full(10, 0.5))
    assert "60.0% and 90.0% of cases, 2000 requests" in drawn.description
    assert drawn.png(dots_per_inch=60).startswith(PNG)
    with pytest.raises(NotFound):
        experiments.regret([])
