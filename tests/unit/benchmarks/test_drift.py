import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks import drift
from benchmarks.drift_images import SHIFTS
from benchmarks.record import Machine, Report
from visionml.monitoring.window import Floats


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put scores in the place of measurements: ours finds all shifts, KS the first alone."""
    rest = drift._SHIFTED * (len(SHIFTS) - 1)
    ours = [0.5] * (drift._NULLS - 1) + [1.5] + [2.0] * drift._SHIFTED * len(SHIFTS)
    theirs = [0.1] * drift._NULLS + [0.2] * drift._SHIFTED + [0.1] * rest
    scores = {"scans 1": {"ours": ours, "scipy KS": theirs}}
    seconds = {"ours": [0.002], "scipy KS": [0.08]}
    found = {"scores": scores, "seconds": seconds, "once": [0.5], "memory": 160.0}
    monkeypatch.setattr(drift, "_measured", lambda: found)


@pytest.mark.usefixtures("measured")
def test_power_is_told_by_shift_and_with_its_false_alarms(tmp_path: Path) -> None:
    row = drift.drift_power()
    assert (row.value, row.false_alarm_rate) == (1.0, 1 / drift._NULLS)
    assert row.power == dict.fromkeys(SHIFTS, 1.0)
    assert row.peer_power["scipy KS"]["brightness -20 %"] == 1
    assert row.peer_power["scipy KS"]["class x2"] == 0
    missing = {peer.name for peer in row.peers if peer.value is None}
    assert missing == {*drift.PEERS} - {"scipy KS"}
    report = Report(started=datetime.now(UTC), machine=Machine.this(), rows=[row])
    (written,) = json.loads(report.write(tmp_path).read_text())["rows"]
    assert written["power"]["blur 1"] == 1
    assert written["false_alarm_rate"] == row.false_alarm_rate


@pytest.mark.usefixtures("measured")
def test_seconds_are_compared_with_those_of_peers() -> None:
    row = drift.drift_seconds_per_window()
    ratios = {peer.name: peer.ratio for peer in row.peers}
    assert (row.value, ratios["scipy KS"], ratios["evidently model"]) == (0.002, 40, None)


def test_ours_answers_as_it_is_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def rows(count: int) -> Floats:
        numbers = rng.normal(0, 1, (count, 13))
        return np.hstack([numbers, rng.dirichlet(np.ones(3), count)]).astype(np.float32)

    windows = np.stack([rows(200), rows(200) + np.float32(1)])
    labels = {"labels": np.zeros(600, int), "window_labels": np.zeros((2, 200), int)}
    sizes = {"statistics": 8, "classes": 3}
    data = {"reference": rows(600), "windows": windows, **labels, **sizes}
    path = drift._written(data, tmp_path)
    asked = "ready\tours\nscore\tours\t0\t2\nmemory\n"
    command = [sys.executable, "-m", "benchmarks.drift_ours", str(path)]
    told = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
    once, (quiet, moved), memory = map(json.loads, told.splitlines())
    assert once > 0
    assert quiet < 1 < moved
    assert memory > 10
