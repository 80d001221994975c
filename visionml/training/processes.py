"""One process for each GPU of a host."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from signal import SIGTERM
from typing import Any

from visionml.contracts.container import failure_reason, log_plainly
from visionml.errors import JobFailed, VisionmlError
from visionml.training.interruption import INTERRUPTED, end_on_sigterm

END_SECONDS = 20.0
"""How long a process may take to end once another has; SageMaker allows 120 s in all."""

log = logging.getLogger(__name__)


def side_by_side(work: Callable[..., object], arguments: Sequence[tuple[Any, ...]]) -> None:
    """Call `work` with each of the arguments, each in a process of its own, and wait for all.

    Raises
    ------
    JobFailed
        One has failed, which ends the others; the message has its reason.
    SystemExit
        One was interrupted.
    """
    context = get_context("spawn")
    reasons: SimpleQueue[str] = context.SimpleQueue()
    processes = [
        context.Process(target=_run, args=(work, each, reasons), daemon=True) for each in arguments
    ]
    try:
        for process in processes:
            process.start()
        _wait(processes, reasons)
    finally:
        _end(processes)


def _wait(processes: Sequence[SpawnProcess], reasons: "SimpleQueue[str]") -> None:
    running = list(processes)
    while running:
        connection.wait([process.sentinel for process in running])
        codes = [process.exitcode for process in processes]
        if INTERRUPTED in codes or -SIGTERM in codes:
            raise SystemExit(INTERRUPTED)
        failed = [code for code in codes if code]
        if failed and not reasons.empty():
            raise JobFailed(reasons.get())
        if failed:
            raise JobFailed(f"A process ended with exit code {failed[0]}, without a reason.")
        running = [process for process in processes if process.exitcode is None]


def _end(processes: Sequence[SpawnProcess]) -> None:
    started = [process for process in processes if process.pid is not None]
    for process in started:
        process.terminate()
    deadline = time.monotonic() + END_SECONDS
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()


def _run(
    work: Callable[..., object], arguments: tuple[Any, ...], reasons: "SimpleQueue[str]"
) -> None:
    end_on_sigterm()
    log_plainly()
    try:
        work(*arguments)
    except Exception as error:  # whatever it was is the job's reason
        log.error("%s", error, exc_info=not isinstance(error, VisionmlError))  # noqa: TRY400
        reasons.put(failure_reason(error))
        sys.exit(1)
