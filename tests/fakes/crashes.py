"""Processes that end between any two of their steps."""

import threading


class Crash(BaseException):
    """The process has gone; nothing of the product may catch it."""


class Crashing:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, fatal: int | None = None) -> None:
        self.fatal, self.count = fatal, 0
        self._lock = threading.Lock()  # some steps are made side by side

    def __call__(self, step: str) -> None:
        with self._lock:
            self.count += 1
            if self.count - 1 == self.fatal:
                raise Crash(step)
