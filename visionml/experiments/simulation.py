"""What a policy would have cost: traffic against arms whose success rates are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.errors import InvalidInput
from visionml.experiments.policies import Policy, floored
from visionml.experiments.shares import Trials

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """How a policy did, at the end of each batch of requests and in each run."""

    policy: str
    rates: tuple[float, ...]
    requests: Numbers
    """(batches,): requests so far."""
    regret: Numbers
    """(runs, batches): successes so far that the best arm would have had more, on average."""
    shares: Numbers
    """(runs, batches, arms): how traffic was shared."""


def simulate(
    policy: Policy,
    rates: Sequence[float],
    *,
    requests: int = 20_000,
    batch: int = 200,
    floor: float = 0.0,
    labelled: float = 1.0,
    delay: int = 0,
    runs: int = 20,
    seed: int = 0,
) -> Simulation:
    """Let a policy share traffic among arms that succeed at `rates`.

    Its shares hold for a `batch`; of the requests a share `labelled` is labelled, and that is
    known `delay` batches later. Regret counts all requests by their expected success
    (pseudo-regret: Bubeck and Cesa-Bianchi 2012, section 1.2).

    Raises
    ------
    InvalidInput
        A rate is none, or there are too few requests.
    """
    if len(rates) < 2 or not all(0 <= rate <= 1 for rate in rates):
        raise InvalidInput("A simulation needs two rates or more, between 0 and 1.")
    batches = requests // batch if batch > 0 else 0
    if not (batches and runs > 0 and 0 < labelled <= 1 and delay >= 0):
        raise InvalidInput("A simulation needs a batch of requests, a run, and labels.")
    lost = max(rates) - np.asarray(rates)
    shares = np.empty((runs, batches, len(rates)))
    sent = np.empty((runs, batches, len(rates)))
    for run, rng in enumerate(np.random.default_rng(seed).spawn(runs)):
        known = np.zeros((batches + delay + 1, len(rates), 2), np.int64)
        for now in range(batches):
            arms = [Trials(int(right), int(all_)) for right, all_ in known[: now + 1].sum(axis=0)]
            shares[run, now] = floored(policy.shares(arms), floor)
            sent[run, now] = rng.multinomial(batch, shares[run, now])
            seen = rng.binomial(sent[run, now].astype(np.int64), labelled)
            known[now + 1 + delay] = np.stack([rng.binomial(seen, rates), seen], axis=1)
    return Simulation(
        policy=policy.name,
        rates=tuple(rates),
        requests=batch * np.arange(1, batches + 1, dtype=np.float64),
        regret=np.cumsum(sent @ lost, axis=1),
        shares=shares,
    )
