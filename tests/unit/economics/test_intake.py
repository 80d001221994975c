"""What a day's images ask of intake."""

import math

import pytest

from visionml.economics.intake import Stage, account_share, arrivals, needs, predicted_burst, queue

RECEIVER = Stage("receiver", compute_seconds=0.2, calls=10)
PROCESSOR = Stage("image-processor", compute_seconds=0.01, calls=1, call_seconds=0.8)


def test_a_day_is_spread_over_its_seconds() -> None:
    assert arrivals(500_000) == pytest.approx(5.787, abs=1e-3)
    assert arrivals(500_000, 10) == pytest.approx(57.87, abs=1e-2)


def test_a_function_is_busy_as_long_as_its_images_take() -> None:
    first, second = needs((RECEIVER, PROCESSOR), images_per_day=500_000)
    assert first.stage == "receiver"
    assert first.mean == pytest.approx(5.787 * 0.5, rel=1e-3)
    assert second.mean == pytest.approx(5.787 * 0.81, rel=1e-3)
    assert first.most > first.mean


def test_a_tenfold_peak_takes_a_known_share_of_an_account() -> None:
    peak = needs((RECEIVER, PROCESSOR), images_per_day=500_000, peak=10)
    assert 0.08 < account_share(peak) < 0.15


def test_a_queue_that_is_served_too_slowly_grows() -> None:
    slow = queue(RECEIVER, images_per_day=500_000, peak=10, concurrency=10)
    assert slow.slow_wait_seconds == math.inf
    enough = queue(RECEIVER, images_per_day=500_000, peak=10, concurrency=50)
    assert enough.slow_wait_seconds < 1
    assert 1800 < enough.drain_seconds < 3600


def test_the_slowest_stage_sets_the_pace_of_a_burst() -> None:
    stages = {"receiver": 0.5, "detection": 0.2}
    assert predicted_burst(1000, stages=stages, concurrency=2) == pytest.approx(250.7)
