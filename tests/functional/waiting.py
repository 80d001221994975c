"""Waiting for what happens by itself, with a limit."""

import time
from collections.abc import Callable
from typing import Any


def until(found: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"nothing came of it within {seconds} seconds")
