"""The program ``batch``, as AWS Batch starts it: one part of a run.

``batch --run RUN --first N`` works on part N, or N plus the index of a child of an array job.
It ends with 0 where every input of the part became a row, with 2 where trying again does not
help, and with 75 where it does.
"""

import argparse
import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

from visionml.aws.invocation import invoke
from visionml.aws.reads import Reads
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.aws.writes import Writes
from visionml.batch import part
from visionml.batch.asking import Endpoint
from visionml.batch.keeping import Keeper
from visionml.batch.outcomes import Image, Outcome
from visionml.batch.predicting import Local, loaded
from visionml.batch.reading import Reader
from visionml.batch.rows import Row
from visionml.batch.store import Store
from visionml.contracts.batch import EXIT_BUSY, EXIT_DONE, EXIT_WRONG, BatchPlan, PartReport
from visionml.contracts.container import failure_reason, log_plainly
from visionml.contracts.environment import BatchChild, BatchJobEnvironment
from visionml.errors import AccessDenied, Conflict, InvalidInput, NotFound, Unavailable
from visionml.serving.pace import Pace
from visionml.serving.predictions import Predictions

log = logging.getLogger(__name__)
_INTERRUPTED = 128 + signal.SIGTERM
_WRONG = (InvalidInput, NotFound, AccessDenied)
_BUSY = (Unavailable, Conflict)
_TOLD = "run=%s part=%d inputs=%d results=%d failures=%d seconds=%.1f attempt=%d"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job in this process; return its exit code."""
    signal.signal(signal.SIGTERM, _end)
    log_plainly()
    parser = argparse.ArgumentParser("batch", description=__doc__)
    parser.add_argument("--run", required=True, help="the run's id")
    parser.add_argument("--first", type=int, default=0, help="the part of the first child")
    options = parser.parse_args(arguments)
    return ended(lambda: run(options.run, options.first))


def ended(work: Callable[[], PartReport]) -> int:
    """Do a job's work and return the exit code that says how it ended."""
    try:
        report = work()
    except _WRONG as error:
        log.error("%s", failure_reason(error))  # noqa: TRY400 - its sentence says enough
        return EXIT_WRONG
    except _BUSY as error:
        log.error("%s", failure_reason(error))  # noqa: TRY400
        return EXIT_BUSY
    except Exception:  # the process ends here
        log.exception("The job failed.")
        return 1
    log.info("results=%d failures=%d", report.results, report.failures)
    return EXIT_DONE


def run(run_id: str, first: int) -> PartReport:
    """Work on a part, with what the environment names."""
    environment, child = BatchJobEnvironment.read(), BatchChild.read()
    aws = Aws()
    store = Store(Objects(aws.s3), environment.results_bucket)
    plan = store.plan(run_id)
    made = part.run(
        plan,
        first + child.aws_batch_job_array_index,
        hands(plan, store, environment, aws),
        attempt=child.aws_batch_job_attempt,
    )
    log.info(
        _TOLD,
        plan.run_id,
        made.part,
        made.inputs,
        made.results,
        made.failures,
        made.seconds,
        made.attempt,
    )
    return made


def hands(plan: BatchPlan, store: Store, environment: BatchJobEnvironment, aws: Aws) -> part.Hands:
    """Return what works on the parts of a plan."""
    pace = partial(Pace, seconds=environment.patience_seconds, renewed=True)
    keep, finish = _keeper(environment, aws, pace())
    bucket = Reads(aws, plan.request.bucket, connections=environment.concurrency)
    reader = Reader(bucket, limit=environment.upload_limit_bytes, pace=pace())
    return part.Hands(
        store=store,
        read=reader.read,
        predict=_predictor(plan, store, environment, aws, pace()),
        keep=keep,
        finish=finish,
        concurrency=environment.concurrency,
        together=environment.images_per_invocation,
    )


def _predictor(
    plan: BatchPlan, store: Store, environment: BatchJobEnvironment, aws: Aws, pace: Pace
) -> Callable[[Sequence[Image]], list[Outcome]]:
    if plan.request.method == "model":
        model = loaded(plan, store.objects)
        return Local(model, cores=environment.vcpus, limit=environment.upload_limit_bytes).predict
    # throttles are this program's to wait for: botocore tries once more, no longer
    runtime = aws.client(
        "sagemaker-runtime",
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=environment.concurrency,
    )
    name = environment.endpoint_name
    return Endpoint(
        lambda body, kind: invoke(runtime, name, body, content_type=kind), pace=pace
    ).predict


def _keeper(
    environment: BatchJobEnvironment, aws: Aws, pace: Pace
) -> tuple[Callable[[Sequence[Row]], None], Callable[[], None]]:
    if not environment.predictions_table:
        return lambda _rows: None, lambda: None
    table = Table(aws.dynamodb, environment.predictions_table)
    predictions = Predictions(table, days=environment.results_days)
    keeper = Keeper(Writes(aws, environment.predictions_table), predictions, pace=pace)
    return keeper.keep, keeper.finish


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once on SIGTERM: what is not written whole is not there, and is done again."""
    os._exit(_INTERRUPTED)
