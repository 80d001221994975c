"""What came of a run, counted from the reports of its parts."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from visionml.batch.planning import missing_parts
from visionml.batch.store import Store
from visionml.contracts.batch import (
    BatchPlan,
    BatchSummary,
    PartReport,
    report_key,
    summary_key,
)

_TOLD = 100
_AT_ONCE = 16


def summarised(run_id: str, *, store: Store, now: datetime) -> BatchSummary:
    """Count a run's parts, write the summary and return it.

    Raises
    ------
    NotFound
        The run has no plan.
    """
    plan = store.plan(run_id)
    done = sorted(part for part in store.reported(run_id) if part < plan.parts)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reports") as pool:
        reports = list(
            pool.map(lambda part: store.record(PartReport, report_key(run_id, part)), done)
        )
    summary = summary_of(plan, reports, now=now)
    store.write(summary_key(run_id), summary)
    return summary


def summary_of(plan: BatchPlan, reports: Sequence[PartReport], *, now: datetime) -> BatchSummary:
    """Return the summary of a plan and the reports that there are.

    A run has succeeded where each of its inputs became a row.
    """
    reasons: Counter[str] = Counter()
    for each in reports:
        reasons.update(each.by_reason)
    results = sum(each.results for each in reports)
    failures = sum(each.failures for each in reports)
    missing = missing_parts(plan, [each.part for each in reports])
    seconds = (now - plan.created).total_seconds()
    whole = not missing and results + failures == plan.inputs
    return BatchSummary(
        run_id=plan.run_id,
        outcome="succeeded" if whole else "failed",
        day=plan.day,
        method=plan.request.method,
        inputs=plan.inputs,
        results=results,
        failures=failures,
        by_reason=dict(reasons.most_common()),
        parts=plan.parts,
        missing_parts=tuple(missing[:_TOLD]),
        seconds=round(seconds, 3),
        images_per_second=round((results + failures) / seconds, 3) if seconds > 0 else 0.0,
    )
