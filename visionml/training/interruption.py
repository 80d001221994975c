"""An interruption by SageMaker: SIGTERM, two minutes before SIGKILL, when a spot instance goes."""

import signal
from types import FrameType

INTERRUPTED = 128 + signal.SIGTERM
"""The exit code, as of a process that SIGTERM has ended."""


def end_on_sigterm() -> None:
    """End this process on SIGTERM, by `SystemExit`; checkpoints need no more than that.

    Without a handler nothing would happen in a container, where the job is process 1.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(INTERRUPTED)  # no logging here: the signal may have interrupted a write
