"""One part of a run: its images read, asked about and written, or nothing of it."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from visionml.batch import rows
from visionml.batch.collecting import collected
from visionml.batch.outcomes import Image, Outcome
from visionml.batch.rows import Row
from visionml.batch.store import Store
from visionml.contracts.batch import BatchInput, BatchPlan, PartReport, report_key
from visionml.contracts.inference import ErrorDetail
from visionml.errors import Conflict, InvalidInput

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hands:
    """What works on a part."""

    store: Store
    read: Callable[[BatchInput], Image | ErrorDetail]
    predict: Callable[[Sequence[Image]], list[Outcome]]
    keep: Callable[[Sequence[Row]], None]
    finish: Callable[[], None]
    """Keeps what is left."""
    concurrency: int
    together: int
    """Images that are asked about together."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic


def run(plan: BatchPlan, part: int, hands: Hands, *, attempt: int = 1) -> PartReport:
    """Make the rows of a part, unless it is done, and return how it ended.

    Raises
    ------
    InvalidInput
        The run has no such part.
    Unavailable
        Something is busy or down for too long; the next attempt begins anew.
    """
    if not 0 <= part < plan.parts:
        raise InvalidInput(f"The run {plan.run_id} has {plan.parts} parts, none with {part}.")
    done = hands.store.report(plan.run_id, part)
    if done is not None:
        log.info("part=%d was done by attempt %d", part, done.attempt)
        return done
    started = hands.clock()
    sources = hands.store.inputs(plan.run_id, part)
    made = (
        _collected(plan, part, sources, hands)
        if _transformed(plan)
        else _made(plan, sources, hands)
    )
    hands.finish()
    files = rows.write(plan, part, made, hands.store)
    reasons = Counter(each.outcome.code for each in made if isinstance(each.outcome, ErrorDetail))
    report = PartReport(
        part=part,
        inputs=len(sources),
        results=len(made) - reasons.total(),
        failures=reasons.total(),
        by_reason=dict(reasons),
        files=files,
        seconds=round(hands.clock() - started, 3),
        attempt=attempt,
    )
    return _reported(plan, report, hands.store)


def _transformed(plan: BatchPlan) -> bool:
    return plan.request.method == "transform"


def _reported(plan: BatchPlan, report: PartReport, store: Store) -> PartReport:
    try:
        store.write(report_key(plan.run_id, report.part), report, new=True)
    except Conflict:  # written by another attempt meanwhile, of the same rows
        log.warning("part=%d was done by another attempt", report.part)
    return report


def _collected(
    plan: BatchPlan, part: int, sources: Sequence[BatchInput], hands: Hands
) -> list[Row]:
    outcomes = collected(plan, part, sources, hands.store)
    now = hands.now()
    made = [
        Row(plan, source, None, outcome, now)
        for source, outcome in zip(sources, outcomes, strict=True)
    ]
    hands.keep(made)
    return made


def _made(plan: BatchPlan, sources: Sequence[BatchInput], hands: Hands) -> list[Row]:
    """Return the rows of images in their order; some are read while others are predicted."""

    def work(some: Sequence[BatchInput]) -> list[Row]:
        found = _rows(plan, some, hands)
        hands.keep(found)
        return found

    pool = ThreadPoolExecutor(hands.concurrency, thread_name_prefix="images")
    try:
        futures = [pool.submit(work, some) for some in _chunks(sources, hands.together)]
        return [row for future in futures for row in future.result()]
    finally:
        pool.shutdown(cancel_futures=True)


def _rows(plan: BatchPlan, sources: Sequence[BatchInput], hands: Hands) -> list[Row]:
    read = [hands.read(source) for source in sources]
    images = [each for each in read if isinstance(each, Image)]
    outcomes = iter(hands.predict(images) if images else [])
    now = hands.now()
    return [
        Row(plan, source, each.sha256, next(outcomes), now)
        if isinstance(each, Image)
        else Row(plan, source, None, each, now)
        for source, each in zip(sources, read, strict=True)
    ]


def _chunks(sources: Sequence[BatchInput], size: int) -> Iterator[Sequence[BatchInput]]:
    for start in range(0, len(sources), size):
        yield sources[start : start + size]
