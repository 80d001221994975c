"""A batch run of good and bad images, of which a job is ended on purpose."""

import time
from collections.abc import Sequence

import pandas as pd

from visionml.aws.batch_jobs import Job
from visionml.contracts.batch import BatchSummary
from visionml.desks.batches import Batches, BatchOutcome, BatchRun, new_batch_id
from visionml.desks.datasets import Sample
from visionml.errors import InvalidInput, JobFailed, Unavailable

_BAD_EVERY = 25
_ENDED = ("SUCCEEDED", "FAILED")
_LOOK_SECONDS = 0.2


class BatchRehearsal(BatchOutcome):
    """What came of it; ``table`` compares the run as it failed with what it came to."""

    def __init__(self, before: BatchSummary | None, summary: BatchSummary) -> None:
        super().__init__(summary)
        columns = ["outcome", "inputs", "results", "failures", "missing_parts"]
        shown = {"after a job was ended": before, "after going on with it": summary}
        rows = {name: each.model_dump(include=set(columns)) for name, each in shown.items() if each}
        self.table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def rehearse(
    desk: Batches,
    samples: Sequence[Sample],
    *,
    inputs: int = 500,
    patience_seconds: float = 300.0,
) -> BatchRehearsal:
    """Run a batch of images, every 25th of them none; end a job of it, and go on with the run.

    Raises
    ------
    InvalidInput
        There are no samples.
    Unavailable
        No job is under way when patience has ended.
    """
    if not samples:
        raise InvalidInput("There are no images to rehearse with.")
    files = {
        f"{number:05}.png": b"no image"
        if number % _BAD_EVERY == _BAD_EVERY - 1
        else samples[number % len(samples)].content
        for number in range(inputs)
    }
    run_id = new_batch_id()
    run = desk.run(desk.put(files, folder=run_id), run_id=run_id)
    desk.terminate(_last_under_way(run, patience_seconds), reason="to see what becomes of it")
    try:
        return BatchRehearsal(None, run.watch().summary)  # it had ended already
    except JobFailed:
        before = run.outcome().summary
    return BatchRehearsal(before, desk.resume(run_id).watch().summary)


def _last_under_way(run: BatchRun, patience_seconds: float) -> Job:
    deadline = time.monotonic() + patience_seconds
    while True:
        under_way = [job for job in run.jobs() if job.status not in _ENDED]
        if under_way:
            return under_way[-1]
        if time.monotonic() > deadline:
            raise Unavailable(f"No job of {run.run_id} is under way.")
        time.sleep(_LOOK_SECONDS)
