"""False alarms and power on real images: scans and photographs, through a small trained network."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import binom

from benchmarks import drift_images
from visionml.monitoring.baseline import Baseline, fit
from visionml.monitoring.check import check
from visionml.monitoring.window import Window, from_arrays

BASELINE, WINDOW = 1500, 500
MODEL = "v-1"


@dataclass(frozen=True)
class Read:
    """Images that a network has read: what a baseline is made of, and what windows are."""

    pools: Mapping[str, Window]
    baselines: tuple[Baseline, ...]

    def drifted(self, shift: str, *, windows: int, seed: int) -> list[bool]:
        """Return whether windows with a shift are said to have drifted."""
        rng = np.random.default_rng(seed)
        found = []
        for number in range(windows):
            seen = drift_images.window(self.pools, shift, images=WINDOW, rng=rng)
            baseline = self.baselines[number % len(self.baselines)]
            report = check(baseline, seen, model_version=MODEL, variant="a", report_id="r")
            assert report.state in {"ok", "drifted"}
            found.append(report.drifted)
        return found


@pytest.fixture(scope="module", params=["scans", "photographs"])
def read(request: pytest.FixtureRequest) -> Read:
    torch.set_num_threads(1)
    kind = {"scans": drift_images.scans, "photographs": drift_images.photographs}[request.param]()
    reader = drift_images.Reader(kind, seed=3, images=2000, epochs=4, features=64)
    pools = drift_images.pools(reader, images=4000, seed=4)
    order = np.random.default_rng(6).permutation(4000)
    plain = pools["none"]
    baselines = tuple(
        fit(
            plain.take(np.random.default_rng(seed).choice(order[:2500], BASELINE, replace=False)),
            model_version=MODEL,
            sizes=(100, 600),
            seed=seed,
        )
        for seed in range(2)
    )
    return Read({**pools, "none": plain.take(order[2500:])}, baselines)


def test_alarms_without_drift_are_as_rare_as_they_were_set(read: Read) -> None:
    found = sum(read.drifted("none", windows=200, seed=7))
    assert found <= binom.ppf(0.999, 200, 0.01)


@pytest.mark.parametrize(
    ("shift", "least"),
    [
        ("brightness -20 %", 1.0),
        ("blur 1", 1.0),
        ("class x4", 1.0),
        ("brightness -5 %", 0.5),
        ("blur 0.5", 1.0),
        ("new class 10 %", 0.5),
    ],
)
def test_shifts_of_images_are_found(read: Read, shift: str, least: float) -> None:
    assert np.mean(read.drifted(shift, windows=10, seed=8)) >= least


def test_what_moved_is_named(read: Read) -> None:
    rng = np.random.default_rng(9)
    named = {}
    for shift in ("brightness -20 %", "blur 1", "class x4"):
        seen = drift_images.window(read.pools, shift, images=WINDOW, rng=rng)
        report = check(read.baselines[0], seen, model_version=MODEL, variant="a", report_id="r")
        named[shift] = report.moved
    assert "brightness" in named["brightness -20 %"]
    assert {"sharpness", "noise"} & set(named["blur 1"])
    assert "class 0" in named["class x4"]


def test_a_larger_rate_alarms_more_often() -> None:
    # the rate is a rate: detectors that never alarm would keep any limit
    rng = np.random.default_rng(10)
    numbers = rng.normal(0, 1, (6000, 13)).astype(np.float32)
    shares = rng.dirichlet(np.full(3, 0.5), 6000)
    plain = from_arrays(classes=("a", "b", "c"), probabilities=shares, statistics=numbers)
    baseline = fit(
        plain.take(slice(0, 3000)), model_version=MODEL, false_alarm_rate=0.2, sizes=(100, 600)
    )
    rest = plain.take(slice(3000, None))
    found = 0
    for _ in range(200):
        seen = rest.take(rng.choice(3000, 200, replace=False))
        report = check(baseline, seen, model_version=MODEL, variant="a", report_id="r")
        found += report.drifted
    assert 0.5 * 40 <= found <= 1.5 * 40
