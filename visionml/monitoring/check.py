"""A window compared with its baseline: the report, whatever the window is like."""

import time as clock
from datetime import UTC, datetime

import numpy as np

from visionml.contracts.monitoring import DetectorScore, DriftReport, State
from visionml.monitoring import findings
from visionml.monitoring.aligning import Aligned, aligned
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.confidence import estimate
from visionml.monitoring.scores import DETECTORS, RARE, log_p, scores, surprises
from visionml.monitoring.window import Window

MOST_ABSENT = 0.05
"""The share of answers that may lack something; with more a quiet window is not called quiet."""
_LN10 = float(np.log(10))


def check(
    baseline: Baseline | None,
    window: Window,
    *,
    model_version: str,
    variant: str,
    report_id: str,
    time: datetime | None = None,
    why: str = "",
) -> DriftReport:
    """Return what became of the answers of one model as one variant.

    Nothing about a window is an error: where it cannot be tested, the report says so.

    Parameters
    ----------
    baseline
        None where there is none, for the reason that `why` may give.
    time
        For which the report is asked; now, if left out.
    """
    began = clock.perf_counter()
    draft = DriftReport(
        report_id=report_id,
        time=time or datetime.now(UTC),
        model_version=model_version,
        variant=variant,
        state="no_baseline",
        reason=unfit(baseline, window, model_version=model_version, why=why),
        window=window.facts(),
        baseline=None if baseline is None else baseline.facts,
    )
    if baseline is None or draft.reason:
        return draft
    if len(window) < baseline.facts.fewest:
        few = _too_few(baseline, window)
        return draft.model_copy(update={"state": "not_enough_data", "reason": few})
    report = _tested(baseline, aligned(baseline, window), draft)
    return report.model_copy(update={"seconds": clock.perf_counter() - began})


def unfit(baseline: Baseline | None, window: Window, *, model_version: str, why: str = "") -> str:
    """Return why a window cannot be compared with a baseline; "" where it can."""
    if baseline is None:
        return why or f"There is no drift baseline of {model_version}."
    if baseline.facts.model_version != model_version:
        return f"The baseline is of {baseline.facts.model_version}, the answers of {model_version}."
    if baseline.facts.classes != window.classes:
        return "The baseline and the answers are of models with different classes."
    return ""


def _too_few(baseline: Baseline, window: Window) -> str:
    facts = baseline.facts
    left = window.left
    lost = left.unreadable + left.ahead
    told = f"There are {len(window)} answers and {facts.fewest} are needed."
    return f"{told} {lost} events were left out as unusable." if lost else told


def _tested(baseline: Baseline, seen: Aligned, draft: DriftReport) -> DriftReport:
    null = baseline.null(seen.samples)
    scored = scores(
        baseline.maps,
        baseline.moments,
        seen.means,
        baseline.moments.mean,
        samples=seen.counts,
        rare=RARE,
    )
    surprise = surprises(scored, null.components)
    logs = log_p(surprise, null.detectors)
    score = max(0.0, float(-logs.min() / _LN10))
    drifted = score >= null.threshold
    found = findings.findings(baseline, seen, scored, null)
    state, reason = _verdict(seen, found=findings.sentence(found), drifted=drifted)
    known = baseline.reliability
    detectors = zip(DETECTORS, surprise.tolist(), np.exp(logs).tolist(), strict=True)
    return draft.model_copy(
        update={
            "state": state,
            "reason": reason,
            "score": score,
            "threshold": null.threshold,
            "drifted": drifted,
            "detectors": tuple(
                DetectorScore(detector=name, score=value, p_value=p) for name, value, p in detectors
            ),
            "findings": found,
            "examples": findings.examples(baseline, seen) if drifted else (),
            "estimate": estimate(known, seen.window, trusted=state == "ok") if known else None,
        }
    )


def _verdict(seen: Aligned, *, found: str, drifted: bool) -> tuple[State, str]:
    gaps = [
        f"{count:,} of {seen.samples:,} answers lack {what}"
        for what, count in seen.lacking.items()
        if count > MOST_ABSENT * seen.samples
    ]
    lacking = f"{'; '.join(gaps)}." if gaps else ""
    if drifted:
        return "drifted", f"{found} {lacking}".strip()
    if gaps:
        return "not_enough_data", f"What is there did not move, but {lacking}"
    return "ok", "Nothing moved beyond chance."
