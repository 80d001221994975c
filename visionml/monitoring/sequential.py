"""Drift with few answers: each is a bet against chance, and the winnings are the evidence.

Without drift, the rank of an answer's number among the baseline's is evenly spread between 0 and
1. A bet that ranks are high, low, wide or narrow wins or loses a share of its stake with each
answer, and is fair while nothing drifts: that its wealth ever reaches 1/a then has a probability
of a at most, however often one looks (Ville 1939; Vovk, Nouretdinov and Gammerman 2003). Stakes
are laid anew with every answer, a falling share of what there was in the beginning, so that drift
which comes late is found as well. Ranks in a baseline of hundreds are even to a few per cent,
which the smallest bet does not win by.
"""

import math
import time as clock
from datetime import UTC, datetime

import numpy as np

from visionml.contracts.monitoring import Detector, DriftReport, Finding, SequentialState
from visionml.monitoring.aligning import aligned
from visionml.monitoring.baseline import CONFIDENCE, DISTANCE, Baseline, polynomials
from visionml.monitoring.check import unfit
from visionml.monitoring.features import Values
from visionml.monitoring.window import Window

FEWEST = 50
"""Answers after which silence means something: drift of every answer is found by then."""
_OWNER: dict[str, Detector] = {DISTANCE: "novelty", CONFIDENCE: "confidence"}
_BETS = ((0.5, 0.0), (-0.5, 0.0), (0.85, 0.0), (-0.85, 0.0), (0.0, 0.5), (0.0, -0.5))
"""Weights of how high a rank is and how far outside: 1 + weight * polynomial is never below 0."""


def advance(
    state: SequentialState | None,
    baseline: Baseline | None,
    window: Window,
    *,
    model_version: str,
    variant: str,
    report_id: str,
    time: datetime | None = None,
) -> tuple[SequentialState, DriftReport]:
    """Count answers that are newer than the state's newest, and report all that were counted.

    A state of another schema, model or variant is begun anew, and so is one that has alarmed: the
    next alarm has to be earned.
    """
    began = clock.perf_counter()
    fresh = SequentialState(model_version=model_version, variant=variant)
    held = fresh if state is None or not _goes_on(state, fresh) else state
    draft = DriftReport(
        report_id=report_id,
        time=time or datetime.now(UTC),
        model_version=model_version,
        variant=variant,
        state="no_baseline",
        reason=unfit(baseline, window, model_version=model_version),
        mode="sequential",
        window=window.facts(),
        baseline=None if baseline is None else baseline.facts,
    )
    if baseline is None or draft.reason:
        return held, draft
    newer = _newer(held, window)
    after = _counted(held, baseline, newer)
    report = _reported(after, baseline, draft)
    if report.drifted:
        after = after.model_copy(update={"alarmed": report.time})
    return after, report.model_copy(update={"seconds": clock.perf_counter() - began})


def _goes_on(state: SequentialState, fresh: SequentialState) -> bool:
    same = ("schema_version", "model_version", "variant")
    return state.alarmed is None and all(
        getattr(state, name) == getattr(fresh, name) for name in same
    )


def _newer(state: SequentialState, window: Window) -> Window:
    """Return the answers that were not counted yet, the oldest first."""
    after = state.until.timestamp() if state.until else -math.inf
    order = np.argsort(window.times, kind="stable")
    return window.take(order[window.times[order] > after])


def _counted(state: SequentialState, baseline: Baseline, window: Window) -> SequentialState:
    if not len(window):
        return state
    ranks = baseline.ranks(aligned(baseline, window).window)
    wealth = {
        name: _bet(state.wealth.get(name), ranks[name], even, counted=state.samples)
        for name, even in zip(ranks, baseline.even, strict=True)
    }
    first, last = (datetime.fromtimestamp(float(window.times[at]), UTC) for at in (0, -1))
    return state.model_copy(
        update={
            "samples": state.samples + len(window),
            "begun": state.begun or first,
            "until": last,
            "wealth": {**state.wealth, **wealth},
        }
    )


def _bet(
    before: tuple[float, ...] | None, ranks: Values, even: Values, *, counted: int
) -> tuple[float, ...]:
    """Return the logarithms of each bet's wealth after answers with these ranks.

    Before answer t, 1 / (t (t + 1)) of the first stake is added; all of them make 1. `even` is what
    both polynomials are in the mean over the baseline: not 0 where many values are the same.
    """
    high, outside = polynomials(ranks)
    wealth = np.array(before) if before else np.full(len(_BETS), -np.inf)
    weights = np.array(_BETS)
    gains = np.log1p(np.stack([high - even[0], outside - even[1]], axis=1) @ weights.T)
    for step, gain in enumerate(gains, start=counted + 1):
        wealth = np.logaddexp(wealth, -math.log(step) - math.log1p(step))
        if math.isfinite(gain[0]):
            wealth += gain
    return tuple(wealth.tolist())


def _evidence(state: SequentialState) -> dict[str, float]:
    """Return log10 of the mean wealth by what is watched, with the stakes that are still out."""
    rest = -math.log1p(state.samples)
    return {
        name: float(np.logaddexp.reduce([*wealth, rest + math.log(len(wealth))]))
        - math.log(len(wealth))
        for name, wealth in state.wealth.items()
    }


def _reported(state: SequentialState, baseline: Baseline, draft: DriftReport) -> DriftReport:
    logs = _evidence(state)
    facts = baseline.facts
    threshold = -math.log10(facts.false_alarm_rate)
    mean = float(np.logaddexp.reduce(list(logs.values()))) - math.log(len(logs)) if logs else 0.0
    score = mean / math.log(10)
    found = tuple(
        Finding(
            detector=_OWNER.get(name, "statistics"),
            name=name,
            test="bets",
            score=max(0.0, value / math.log(10)),
            threshold=threshold + math.log10(len(logs)),
            p_value=min(1.0, math.exp(-value)),
            corrected=min(1.0, math.exp(-value) * len(logs)),
            moved=math.exp(-value) * len(logs) <= facts.false_alarm_rate,
            samples=state.samples,
        )
        for name, value in sorted(logs.items(), key=lambda item: -item[1])
    )
    update: dict[str, object] = {"score": max(0.0, score), "findings": found}
    if score >= threshold:
        update |= {"state": "drifted", "drifted": True, "threshold": threshold}
        update["reason"] = f"{found[0].name} is not as it was, by {state.samples} answers."
    elif state.samples < FEWEST:
        update["state"] = "not_enough_data"
        update["reason"] = f"{state.samples} answers were counted and {FEWEST} are needed."
    else:
        update |= {"state": "ok", "threshold": threshold}
        update["reason"] = f"Nothing moved beyond chance in {state.samples} answers."
    return draft.model_copy(update=update)
