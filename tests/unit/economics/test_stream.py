"""The capacity model of the stream, against a simulation of its shards and batches."""

import heapq
import math

import pytest

from visionml.economics.stream import Endpoint, Reading, arrivals, burst, lanes_for, longest_burst

LARGE = Endpoint(processors=1000, image_seconds=0.02)


def simulated(reading: Reading, *, mean: float, peak: float, seconds: float) -> tuple[float, float]:
    """Return the longest wait for an answer, and when after the burst nothing waits.

    Records arrive evenly in turn at each lane, which hands over one batch after the other.
    """
    times, now = list[float](), 0.0
    while now < 50 * seconds:
        times.append(now)
        now += 1 / (peak if now < seconds else mean)
    lanes = [times[lane :: reading.lanes] for lane in range(reading.lanes)]
    waits, ends = list[float](), list[tuple[float, float]]()
    for lane in lanes:
        free, at = 0.0, 0
        while at < len(lane):
            free = max(free, lane[at])
            batch = [each for each in lane[at : at + reading.batch] if each <= free]
            share = len(batch) / reading.batch  # a smaller one is done with sooner
            free += reading.batch_seconds(LARGE.image_seconds) * share
            waits += [free - each for each in batch]
            ends += [(each, free) for each in batch]
            at += len(batch)
    return max(waits), _empty(ends, seconds) - seconds


def _empty(ends: list[tuple[float, float]], begin: float) -> float:
    """Return the first moment from `begin` on at which hardly anything waits."""
    under_way = list[float]()
    for arrived, ended in sorted(ends):
        while under_way and under_way[0] <= arrived:
            heapq.heappop(under_way)
        if arrived >= begin and len(under_way) <= 2:
            return arrived
        heapq.heappush(under_way, ended)
    return math.inf


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_a_burst_is_what_a_simulation_finds(lanes: int) -> None:
    reading = Reading(shards=lanes)
    rate = reading.rate(LARGE)
    mean, peak, seconds = 0.2 * rate, 2 * rate, 120.0
    found = burst(rate, mean=mean, peak=peak, seconds=seconds)
    longest, drained = simulated(reading, mean=mean, peak=peak, seconds=seconds)
    batch = reading.batch_seconds(LARGE.image_seconds)
    assert found.lag_seconds == pytest.approx(longest, abs=2 * batch, rel=0.02)
    assert found.drain_seconds == pytest.approx(drained, abs=2 * batch, rel=0.05)


def test_the_slowest_of_shards_consumer_and_endpoint_sets_the_pace() -> None:
    reading = Reading()
    assert reading.rate(Endpoint(1, 0.1)) == pytest.approx(10)
    assert Reading(call_seconds=1e-6, parallelization_factor=10).rate(
        Endpoint(10_000, 1e-4)
    ) == pytest.approx(2000)
    seconds = reading.batch_seconds(LARGE.image_seconds)
    assert reading.rate(LARGE) == pytest.approx(2 * reading.batch / seconds)


def test_images_that_go_together_make_a_batch_faster() -> None:
    alone = Reading(images_per_invocation=1).batch_seconds(0.02)
    assert Reading().batch_seconds(0.02) < alone


def test_what_arrives_more_slowly_than_it_is_answered_leaves_nothing() -> None:
    found = burst(50, mean=arrivals(100_000), peak=arrivals(100_000, 10), seconds=3600)
    assert (found.backlog, found.lag_seconds, found.drain_seconds) == (0, 0, 0)


def test_a_mean_rate_that_is_too_much_never_drains() -> None:
    assert burst(50, mean=60, peak=600, seconds=10).drain_seconds == math.inf


def test_the_last_record_of_the_longest_burst_is_just_young_enough() -> None:
    seconds = longest_burst(50, peak=200, maximum_age_seconds=3600)
    assert burst(50, mean=20, peak=200, seconds=seconds).lag_seconds == pytest.approx(3600)
    assert longest_burst(50, peak=40, maximum_age_seconds=3600) == math.inf


def test_as_many_lanes_as_a_rate_needs() -> None:
    reading, wanted = Reading(), arrivals(10_000_000, 10)
    lanes = lanes_for(reading, LARGE, wanted=wanted)
    assert Reading(shards=lanes).rate(Endpoint(10**6, 0.02)) >= wanted
    assert Reading(shards=lanes - 1).rate(Endpoint(10**6, 0.02)) < wanted
