"""Processes that end between any two of their steps."""


class Crash(BaseException):
    """The process has gone; nothing of the product may catch it."""


class Crashing:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, fatal: int | None = None) -> None:
        self.fatal, self.count = fatal, 0

    def __call__(self, step: str) -> None:
        if self.count == self.fatal:
            raise Crash(step)
        self.count += 1
