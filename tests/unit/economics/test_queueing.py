"""Formulas of queues against simulated ones and against published figures."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionml.economics import queueing


def simulated(servers: int, load: float, *, exponential: bool, arrivals: int = 200_000) -> float:
    """Return the mean wait of work of one second's mean duration."""
    random = np.random.default_rng(5)
    times = np.cumsum(random.exponential(1 / load, arrivals))
    work = random.exponential(1, arrivals) if exponential else np.ones(arrivals)
    free = [0.0] * servers
    waited = 0.0
    for time, seconds in zip(times.tolist(), work.tolist(), strict=True):
        begins = max(time, heapq.heappop(free))
        waited += begins - time
        heapq.heappush(free, begins + seconds)
    return waited / arrivals


def test_erlang_c_has_its_published_values() -> None:
    # Cooper, Introduction to Queueing Theory (1981): one server waits with its load
    assert queueing.waits(1, 0.7) == pytest.approx(0.7)
    assert queueing.waits(2, 1.0) == pytest.approx(1 / 3)
    assert queueing.waits(10, 8.0) == pytest.approx(0.4092, abs=1e-4)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (4, 3.2), (20, 17.0)])
def test_mean_waits_are_those_of_a_simulation(servers: int, load: float) -> None:
    random = queueing.mean_wait(servers, load, seconds=1.0)
    assert random == pytest.approx(simulated(servers, load, exponential=True), rel=0.15)
    constant = queueing.mean_wait(servers, load, seconds=1.0, variation=0.0)
    assert constant == pytest.approx(simulated(servers, load, exponential=False), rel=0.2)


def test_too_few_servers_never_catch_up() -> None:
    assert queueing.mean_wait(3, 3.0, seconds=1.0) == math.inf
    assert queueing.drain_seconds(10, servers=1, seconds=1.0, arrivals=1.0) == math.inf


@given(load=st.floats(0.01, 500), seconds=st.floats(0.001, 60))
def test_the_servers_found_are_the_fewest(load: float, seconds: float) -> None:
    longest = seconds / 10
    servers = queueing.servers_for(load, seconds=seconds, longest_wait=longest)
    assert queueing.slow_wait(servers, load, seconds=seconds) <= longest
    if servers > max(1, math.ceil(load)):
        assert queueing.slow_wait(servers - 1, load, seconds=seconds) > longest


@given(load=st.floats(0.01, 2000))
def test_more_are_busy_at_times_than_on_average(load: float) -> None:
    assert queueing.busy(load) >= math.floor(load)
    assert queueing.busy(load, share=0.5) <= queueing.busy(load, share=0.999)
