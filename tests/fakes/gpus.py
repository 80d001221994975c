"""What the processes of a host with two GPUs may do; started by name, in processes of their own."""

import os
import signal
import threading

from visionml.errors import JobFailed


def second_fails(number: int) -> None:
    """Fail in the second process; the first works on."""
    if number:
        raise JobFailed("the second one fails.", hint="Mend it.")
    threading.Event().wait(60)


def second_dies(number: int) -> None:
    """Be killed in the second process; the first works on."""
    if number:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait(60)


def second_is_interrupted(number: int) -> None:
    """Be told to end in the second process; the first works on."""
    if number:
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60)
