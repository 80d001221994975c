"""A shard and Lambda's mapping of it: batches, splitting, partial failures, retries, ages.

The rules are those of the embedded AWS; the clock is the test's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.crashes import Crash
from visionml.local.shard_progress import Discarded, Progress, Record, Rules, first_failed

Function = Callable[[Sequence[Record]], dict[str, Any]]
"""Takes a batch and answers as a handler does, or ends with `Crash`."""


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self, now: float = 1_763_640_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Shard:
    """Records in the order of their sequence numbers, read by one mapping."""

    name: str
    rules: Rules
    clock: Clock
    records: list[Record] = field(default_factory=list)
    given_up: list[Discarded] = field(default_factory=list)
    """What the mapping's destination was told."""
    invocations: int = 0

    def read(self, function: Function, *, most: int = 1_000_000) -> None:
        """Hand over everything; `most` bounds the invocations."""
        progress, start = Progress(), 0
        while True:
            while start < len(self.records) and int(self.records[start].sequence) <= progress.done:
                start += 1
            found = self.records[start : start + self.rules.batch]
            if not found:
                return
            self.clock.now = max(self.clock.now, progress.wait_until)
            discarded = progress.aged(found, self.rules, self.clock.now)
            if discarded is None:
                discarded = self._turn(progress, progress.batch(found, self.rules), function)
            if discarded is not None:
                self.given_up.append(discarded)
            assert self.invocations < most, "the shard is blocked"

    def _turn(
        self, progress: Progress, batch: Sequence[Record], function: Function
    ) -> Discarded | None:
        self.invocations += 1
        try:
            failed = first_failed(batch, function(batch), self.rules)
        except Crash:
            failed = 0
        return progress.ended(batch, self.rules, failed, self.clock.now)
