"""Bandit policies: from what is known of each variant to its share of the traffic to come.

Traffic is shared for a while, not request by request: labels arrive late, and the endpoint takes
weights. A policy therefore answers shares, which hold for the next so many requests.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from visionml.errors import InvalidInput
from visionml.experiments.shares import Trials, best

FLOOR = 0.05
"""The least share of an arm, unless another is asked for: a variant without traffic is one that
nobody learns anything about."""
_STEPS = 200
_POINTS = 400

Shares = tuple[float, ...]


class Policy(Protocol):
    """Something that shares traffic among arms."""

    @property
    def name(self) -> str:
        """What it is called."""

    def shares(self, arms: Sequence[Trials]) -> Shares:
        """Return each arm's share of the traffic to come; they sum to 1."""


@dataclass(frozen=True)
class Fixed:
    """The same shares whatever happens: an A/B test."""

    given: Shares = (0.8, 0.2)
    name: str = field(default="fixed", init=False)

    def shares(self, arms: Sequence[Trials]) -> Shares:
        """Return the given shares."""
        if len(arms) != len(self.given):
            raise InvalidInput(f"{len(self.given)} shares do not fit {len(arms)} variants.")
        return self.given


@dataclass(frozen=True)
class EpsilonGreedy:
    """All but a share ``epsilon`` of the traffic for the arm that looks best.

    Once ``settled`` trials are known, epsilon falls as their number grows, which keeps regret
    logarithmic (Auer, Cesa-Bianchi and Fischer 2002, theorem 3).
    """

    epsilon: float = 0.2
    settled: int = 1000
    name: str = field(default="epsilon-greedy", init=False)

    def shares(self, arms: Sequence[Trials]) -> Shares:
        """Return the shares; equal ones until every arm was tried."""
        if not all(arm.trials for arm in arms):
            return _equal(arms)
        known = sum(arm.trials for arm in arms)
        explored = self.epsilon * min(1.0, self.settled / known) / len(arms)
        highest = max(arm.share for arm in arms)
        leaders = [arm.share == highest for arm in arms]
        spare = (1 - explored * len(arms)) / sum(leaders)
        return tuple(explored + spare * leads for leads in leaders)


@dataclass(frozen=True)
class Ucb1:
    """UCB1: always the arm that could be best (Auer, Cesa-Bianchi and Fischer 2002, figure 1).

    For shares it is played for the next ``ahead`` requests, as if every arm went on to succeed as
    often as so far.
    """

    ahead: int = 1000
    name: str = field(default="ucb1", init=False)

    def shares(self, arms: Sequence[Trials]) -> Shares:
        """Return the shares; equal ones until every arm was tried."""
        if not all(arm.trials for arm in arms):
            return _equal(arms)
        steps = max(1, min(_STEPS, self.ahead))
        step = self.ahead / steps
        means = [arm.share for arm in arms]
        trials = [float(arm.trials) for arm in arms]
        chosen = [0] * len(arms)
        for _ in range(steps):
            spread = 2 * math.log(sum(trials))
            bounds = [m + math.sqrt(spread / n) for m, n in zip(means, trials, strict=True)]
            pick = bounds.index(max(bounds))
            chosen[pick] += 1
            trials[pick] += step
        return tuple(count / steps for count in chosen)


@dataclass(frozen=True)
class Thompson:
    """To each arm the probability that it is the best one (Thompson 1933; Chapelle and Li 2011)."""

    name: str = field(default="thompson", init=False)

    def shares(self, arms: Sequence[Trials]) -> Shares:
        """Return the shares."""
        return best(arms, points=_POINTS)


POLICIES: dict[str, Policy] = {
    policy.name: policy for policy in (EpsilonGreedy(), Ucb1(), Thompson())
}


def named(name: str) -> Policy:
    """Return one of the policies.

    Raises
    ------
    InvalidInput
        There is none of that name.
    """
    try:
        return POLICIES[name]
    except KeyError:
        raise InvalidInput(
            f"There is no policy named {name!r}.", hint=f"Use one of: {', '.join(POLICIES)}."
        ) from None


def floored(shares: Sequence[float], floor: float = FLOOR) -> Shares:
    """Return shares of which none is below `floor`: what is left above it goes as it would.

    Raises
    ------
    InvalidInput
        So large a floor leaves nothing to share.
    """
    if not 0 <= floor * len(shares) <= 1:
        raise InvalidInput(
            f"{len(shares)} variants cannot each have {floor:g} of the traffic.",
            hint="Give a smaller floor.",
        )
    left = 1 - floor * len(shares)
    return tuple(floor + left * share for share in shares)


def _equal(arms: Sequence[Trials]) -> Shares:
    return tuple(float(share) for share in np.full(len(arms), 1 / len(arms)))
