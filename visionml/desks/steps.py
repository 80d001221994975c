"""Tell the steps of a state machine's execution as lines, with the time at which each began."""

import time
from collections.abc import Callable

from visionml.aws.executions import Step
from visionml.desks.platform import Say


def told(say: Say) -> Callable[[Step], None]:
    """Return what `visionml.aws.executions.watch` takes as ``on_step``.

    A step that is entered again right away, as for the items of a map, is told once.
    """
    began = time.monotonic()
    last = [""]

    def tell(step: Step) -> None:
        if step.name != last[0]:
            say(f"{time.monotonic() - began:7.1f} s  {step.name}")
        last[0] = step.name

    return tell
