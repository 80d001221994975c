"""Tell the steps of a state machine's execution as lines, with the time at which each began."""

import time
from collections.abc import Callable

from visionml.aws.executions import Step
from visionml.desks.platform import Say


def told(say: Say) -> Callable[[Step], None]:
    """Return what `visionml.aws.executions.watch` takes as ``on_step``.

    A step that is entered again, for each item of a map or while the machine waits, is told once.
    """
    began = time.monotonic()
    seen: set[str] = set()

    def tell(step: Step) -> None:
        if step.name not in seen:
            seen.add(step.name)
            say(f"{time.monotonic() - began:7.1f} s  {step.name}")

    return tell
