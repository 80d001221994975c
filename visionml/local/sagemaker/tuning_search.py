"""How a tuning job chooses: optuna's samplers and pruners behind SageMaker's four strategies.

Importing it imports optuna, which takes a third of a second: a tuning job does so, not the server.
"""

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna

from visionml.local.sagemaker.tuning_space import Categories, Choice, Numbers, Space

optuna.logging.set_verbosity(optuna.logging.ERROR)

_TRIES = 50
_LEAST_COMPARED = 3
"""Early stopping compares with this many jobs at least: before, a median says little."""


@dataclass(frozen=True)
class Hyperband:
    """The number of objective values, such as epochs, after which jobs may and must end."""

    least: int
    most: int


@dataclass
class Trial:
    """One combination of hyperparameters, and the objective values of the job that tries it."""

    hyperparameters: dict[str, str]
    handle: optuna.trial.Trial
    values: list[float] = field(default_factory=list)
    ended: bool = False


class Search:
    """Proposes combinations, learns from their results, and stops what is hopeless."""

    def __init__(
        self,
        space: Space,
        *,
        strategy: str,
        maximise: bool,
        jobs: int,
        seed: int | None,
        hyperband: Hyperband | None = None,
        early_stopping: bool = False,
    ) -> None:
        self._space = space
        self._distributions = {each.name: _distribution(each) for each in space.ranges}
        self._seen: set[tuple[str, ...]] = set()
        self._trials: list[Trial] = []
        self._study = optuna.create_study(
            study_name="tuning",  # Hyperband's brackets depend on the name: the seed must suffice
            direction="maximize" if maximise else "minimize",
            sampler=_sampler(strategy, jobs, seed),
            pruner=_pruner(hyperband),
        )
        self._hyperband = hyperband
        self._early = early_stopping
        self._sign = 1.0 if maximise else -1.0
        self._grid = _combinations(space) if strategy == "Grid" else None

    def propose(self) -> Trial:
        """Return a combination that has not been tried, as long as there is one."""
        if self._grid is not None:
            self._study.enqueue_trial(next(self._grid))
        handle = self._study.ask(self._distributions)
        for _ in range(_TRIES):
            if self._key(handle) not in self._seen:
                break
            self._study.tell(handle, state=optuna.trial.TrialState.FAIL)
            handle = self._study.ask(self._distributions)
        else:
            handle = self._untried(handle)
        self._seen.add(self._key(handle))
        trial = Trial(self._hyperparameters(handle), handle)
        self._trials.append(trial)
        return trial

    def hear(self, trial: Trial, values: Sequence[float]) -> bool:
        """Take the objective values of a running job so far; tell whether it should be stopped."""
        hopeless = False
        for value in values[len(trial.values) :]:
            trial.values.append(value)
            trial.handle.report(value, len(trial.values))
            hopeless = self._hopeless(trial) or hopeless
        return hopeless

    def end(self, trial: Trial, value: float | None) -> None:
        """Take the result of a job that has ended, None when it has none."""
        trial.ended = True
        if value is None:
            self._study.tell(trial.handle, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial.handle, value)

    def _hopeless(self, trial: Trial) -> bool:
        if self._hyperband is not None:
            steps = len(trial.values)
            if steps > self._hyperband.most:
                return True
            return steps < self._hyperband.most and trial.handle.should_prune()
        return self._early and self._below_median(trial)

    def _below_median(self, trial: Trial) -> bool:
        """Compare as SageMaker does: the newest value with earlier jobs' running averages."""
        steps = len(trial.values)
        averages = [
            statistics.fmean(each.values[:steps])
            for each in self._trials
            if each.ended and each is not trial and each.values
        ]
        if len(averages) < _LEAST_COMPARED:
            return False
        return self._sign * trial.values[-1] < self._sign * statistics.median(averages)

    def _hyperparameters(self, handle: optuna.trial.Trial) -> dict[str, str]:
        values = {each.name: _value(each, handle.params[each.name]) for each in self._space.ranges}
        return self._space.texts(values)

    def _key(self, handle: optuna.trial.Trial) -> tuple[str, ...]:
        return tuple(self._hyperparameters(handle).values())

    def _untried(self, handle: optuna.trial.Trial) -> optuna.trial.Trial:
        """Return the first combination that is left, in place of one that is not new."""
        finite = math.isfinite(self._space.combinations)
        for values in _combinations(self._space) if finite else ():
            if tuple(self._space.texts(values).values()) not in self._seen:
                self._study.tell(handle, state=optuna.trial.TrialState.FAIL)
                self._study.enqueue_trial(values)
                return self._study.ask(self._distributions)
        return handle


def _sampler(strategy: str, jobs: int, seed: int | None) -> optuna.samplers.BaseSampler:
    if strategy == "Bayesian":
        first = max(2, min(10, jobs // 3))  # random jobs before there is something to learn from
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=first)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(hyperband: Hyperband | None) -> optuna.pruners.BasePruner:
    if hyperband is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.HyperbandPruner(min_resource=hyperband.least, max_resource=hyperband.most)


def _distribution(given: Numbers | Categories) -> optuna.distributions.BaseDistribution:
    if isinstance(given, Categories):
        return optuna.distributions.CategoricalDistribution(given.values)
    if given.integer:
        return optuna.distributions.IntDistribution(
            int(given.low), int(given.high), log=given.scale == "Logarithmic"
        )
    if given.scale == "ReverseLogarithmic":  # the distance from 1 is what spans the magnitudes
        return optuna.distributions.FloatDistribution(1 - given.high, 1 - given.low, log=True)
    return optuna.distributions.FloatDistribution(
        given.low, given.high, log=given.scale == "Logarithmic"
    )


def _value(given: Numbers | Categories, drawn: Any) -> Choice:
    if isinstance(given, Numbers) and given.scale == "ReverseLogarithmic":
        return min(given.high, max(given.low, 1 - float(drawn)))
    choice: Choice = drawn
    return choice


def _combinations(space: Space) -> Iterator[dict[str, Choice]]:
    """Return the combinations of a finite space, in order."""
    names = [each.name for each in space.ranges]
    axes: list[Sequence[Choice]] = [
        each.values if isinstance(each, Categories) else range(int(each.low), int(each.high) + 1)
        for each in space.ranges
    ]
    return (dict(zip(names, values, strict=True)) for values in itertools.product(*axes))
