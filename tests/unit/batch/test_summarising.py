"""A run's figures are those of its parts; it has succeeded where every input became a row."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.objects import MemoryObjects
from visionml.batch.store import Store
from visionml.batch.summarising import summarised
from visionml.contracts.batch import (
    BatchGroup,
    BatchPlan,
    BatchRequest,
    BatchSummary,
    PartReport,
    plan_key,
    report_key,
    summary_key,
)
from visionml.errors import NotFound

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def store(parts: int) -> Store:
    found = Store(MemoryObjects(), "results")
    plan = BatchPlan(
        run_id="night-1",
        request=BatchRequest(run_id="night-1", bucket="raw", prefix="batch/"),
        day="2026-11-20",
        model_version=None,
        created=NOW,
        inputs=parts * 10,
        parts=parts,
        groups=(BatchGroup(first=0, size=parts),) if parts else (),
    )
    found.write(plan_key("night-1"), plan)
    return found


def report(part: int, *, failures: int = 0) -> PartReport:
    return PartReport(
        part=part,
        inputs=10,
        results=10 - failures,
        failures=failures,
        by_reason={"missing": failures} if failures else {},
        files=(),
        seconds=1,
        attempt=1,
    )


def test_a_run_whose_parts_are_all_done_has_succeeded() -> None:
    found = store(3)
    for part in range(3):
        found.write(report_key("night-1", part), report(part, failures=part))

    summary = summarised("night-1", store=found, now=NOW + timedelta(seconds=10))

    assert (summary.outcome, summary.missing_parts) == ("succeeded", ())
    assert (summary.inputs, summary.results, summary.failures) == (30, 27, 3)
    assert summary.by_reason == {"missing": 3}
    assert (summary.seconds, summary.images_per_second) == (10, 3)
    assert found.record(BatchSummary, summary_key("night-1")) == summary


def test_a_run_without_a_part_has_failed_and_says_which() -> None:
    found = store(3)
    found.write(report_key("night-1", 1), report(1))

    summary = summarised("night-1", store=found, now=NOW)

    assert (summary.outcome, summary.missing_parts) == ("failed", (0, 2))
    assert (summary.results, summary.images_per_second) == (10, 0)


def test_a_run_that_had_nothing_to_do_has_succeeded() -> None:
    assert summarised("night-1", store=store(0), now=NOW).outcome == "succeeded"


def test_a_run_without_a_plan_has_no_summary() -> None:
    with pytest.raises(NotFound):
        summarised("night-1", store=Store(MemoryObjects(), "results"), now=NOW)
