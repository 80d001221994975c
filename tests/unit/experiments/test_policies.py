"""Policies learn: their regret grows ever slower, and no variant is forgotten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionml.errors import InvalidInput
from visionml.experiments.policies import (
    POLICIES,
    EpsilonGreedy,
    Fixed,
    Policy,
    Thompson,
    Ucb1,
    floored,
    named,
)
from visionml.experiments.shares import Trials
from visionml.experiments.simulation import simulate

RATES = (0.6, 0.8)
EVERY = [*POLICIES.values(), Fixed((0.5, 0.5))]
arms = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda n: Trials(n[0], sum(n))),
    min_size=2,
    max_size=4,
)


@settings(deadline=None)
@given(arms, st.sampled_from([0.0, 0.05, 0.2]))
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_shares_are_shares_and_none_falls_below_the_floor(
    policy: Policy, arms: list[Trials], floor: float
) -> None:
    found = floored(policy.shares(arms), floor)
    assert len(found) == len(arms)
    assert sum(found) == pytest.approx(1)
    assert min(found) >= floor - 1e-9


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_policys_regret_grows_ever_slower_and_that_of_a_fixed_split_does_not(
    policy: Policy,
) -> None:
    learning, fixed = (
        simulate(each, RATES, requests=20_000, batch=200, runs=5)
        for each in (policy, Fixed((0.5, 0.5)))
    )
    mean, split = learning.regret.mean(axis=0), fixed.regret.mean(axis=0)
    half = len(mean) // 2 - 1
    assert mean[-1] - mean[half] < 0.5 * mean[half]
    assert split[-1] - split[half] == pytest.approx(split[half], rel=0.05)
    assert mean[-1] < 0.4 * split[-1]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_floor_keeps_every_variant_in_the_traffic(policy: Policy) -> None:
    found = simulate(policy, (0.2, 0.9), requests=4000, batch=200, floor=0.1, runs=3)
    assert found.shares.min() >= 0.1 - 1e-9
    assert (found.shares[:, -1, 1] > 0.8).all()


def test_labels_that_come_late_or_seldom_make_learning_slower_not_wrong() -> None:
    prompt, late = (
        simulate(Thompson(), RATES, requests=8000, labelled=labelled, delay=delay, runs=10)
        for labelled, delay in ((1.0, 0), (0.1, 5))
    )
    assert prompt.regret[:, -1].mean() < late.regret[:, -1].mean()
    assert late.shares[:, -1, 1].mean() > 0.8


def test_a_simulation_can_be_repeated() -> None:
    once, again = (simulate(Thompson(), RATES, requests=1000, runs=2, seed=3) for _ in range(2))
    assert np.array_equal(once.regret, again.regret)
    assert not np.array_equal(once.regret[0], once.regret[1])


def test_what_each_policy_does_with_what_it_knows() -> None:
    known = [Trials(80, 100), Trials(90, 100)]
    assert EpsilonGreedy(epsilon=0.2).shares(known) == pytest.approx((0.1, 0.9))
    assert EpsilonGreedy(0.2, settled=100).shares(known) == pytest.approx((0.05, 0.95))
    unsure = Ucb1(ahead=10).shares([Trials(80, 100), Trials(8, 10)])
    assert unsure[1] == 1  # as good, and less is known of it
    assert Thompson().shares(known)[1] == pytest.approx(0.977, abs=0.005)


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="epsilon-greedy, ucb1, thompson"):
        named("luck")
    with pytest.raises(InvalidInput):
        floored((0.5, 0.5), 0.6)
    with pytest.raises(InvalidInput):
        Fixed((1.0,)).shares([Trials(0, 0)] * 2)
    for wrong in ({"rates": (0.5,)}, {"rates": RATES, "requests": 10}):
        with pytest.raises(InvalidInput):
            simulate(Thompson(), **wrong)
