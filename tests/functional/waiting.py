"""Waiting for what happens by itself, with a limit."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 300.0
"""How long a busy machine may take for what takes seconds on a quiet one."""


def until(
    found: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every_seconds: float = 0.2
) -> Any:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(every_seconds)
    raise AssertionError(f"nothing came of it within {seconds} seconds")
