"""What Lambda does with a shard's records when a function fails: retry, split, give up.

After "Configuring partial batch response with Kinesis Data Streams and Lambda" and "Retain
discarded batch records" of Lambda's developer guide. Where the guide is silent, this holds: a
partial failure costs an attempt unless batches are split, and one that reports a batch's first
record is a failure of the whole batch.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "MaximumRecordAgeExceeded"
RETRY_SECONDS = 1.0
"""How long a batch waits that failed and was not split."""
_FOREVER = -1


@dataclass(frozen=True)
class Rules:
    """How a mapping deals with failures, as CreateEventSourceMapping was told."""

    batch: int = 100
    retries: int = _FOREVER
    age_seconds: int = _FOREVER
    bisect: bool = False
    partial: bool = False
    """Whether the function reports which records it could not do."""

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> "Rules":
        """Read a mapping's record; what a template made may hold texts for numbers."""
        return cls(
            batch=int(mapping.get("BatchSize", cls.batch)),
            retries=int(mapping.get("MaximumRetryAttempts", _FOREVER)),
            age_seconds=int(mapping.get("MaximumRecordAgeInSeconds", _FOREVER)),
            bisect=str(mapping.get("BisectBatchOnFunctionError", "")).lower() == "true",
            partial="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
        )


@dataclass(frozen=True)
class Record:
    """A record of a shard."""

    sequence: str
    arrived: float
    """Seconds since the epoch."""
    source: Any = None
    """The record as the stream keeps it."""


@dataclass(frozen=True)
class Discarded:
    """Records that Lambda gives up, and why."""

    records: Sequence[Record]
    condition: str
    attempts: int
    """How often the function was asked for them."""


@dataclass
class Progress:
    """How far a mapping has come in a shard; one batch is under way at a time."""

    done: int = 0
    """The sequence number up to which everything is done with."""
    attempts: int = 0
    """Failed attempts at the present batch that count against the quota."""
    asked: int = 0
    """How often the function was asked for the present batch, or those that it was part of."""
    wait_until: float = 0.0
    _ends: list[int] = field(default_factory=list)
    """Where the present batch ends, and after it those that were split off."""

    def aged(self, records: Sequence[Record], rules: Rules, now: float) -> Discarded | None:
        """Pass by leading records that are too old, and return them."""
        if rules.age_seconds < 0:
            return None
        old = 0
        while old < len(records) and now - records[old].arrived > rules.age_seconds:
            old += 1
        if not old:
            return None
        discarded = Discarded(records[:old], TOO_OLD, self.asked)
        self._pass(records[old - 1])
        return discarded

    def batch(self, records: Sequence[Record], rules: Rules) -> Sequence[Record]:
        """Return the records to hand over next, of those that are not done with."""
        if self._ends:
            return [each for each in records if int(each.sequence) <= self._ends[-1]]
        return records[: rules.batch]

    def ended(
        self, batch: Sequence[Record], rules: Rules, first_failed: int | None, now: float
    ) -> Discarded | None:
        """Take how a batch ended: the place of its first failed record, None for a success."""
        if first_failed is None:
            self._pass(batch[-1])
            return None
        self.asked += 1
        last = int(batch[-1].sequence)
        if not self._ends or self._ends[-1] != last:
            self._ends.append(last)
        if first_failed:
            self.done = int(batch[first_failed - 1].sequence)
        if rules.bisect and (first_failed or len(batch) > 1):
            if not first_failed:
                self._ends.append(int(batch[len(batch) // 2 - 1].sequence))
            return None  # splitting costs no attempt
        self.attempts += 1
        if 0 <= rules.retries < self.attempts:
            left = batch[first_failed:]
            discarded = Discarded(left, RETRIES_EXHAUSTED, self.asked)
            self._pass(left[-1])
            return discarded
        self.wait_until = now + RETRY_SECONDS
        return None

    def _pass(self, record: Record) -> None:
        """Be done with everything up to a record."""
        self.done = int(record.sequence)
        while self._ends and self._ends[-1] <= self.done:
            self._ends.pop()
            self.attempts = 0
        if not self._ends:
            self.asked = 0


def first_failed(batch: Sequence[Record], answer: Any, rules: Rules) -> int | None:
    """Return the place of the first record that a function's answer reports, None for none.

    An entry without a sequence number of the batch makes the whole batch fail.
    """
    if not rules.partial:
        return None
    if isinstance(answer, str | bytes):
        try:
            answer = json.loads(answer)
        except ValueError:
            return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return None
    places = {record.sequence: place for place, record in enumerate(batch)}
    found = [
        places.get(str(each.get("itemIdentifier")), 0) if isinstance(each, dict) else 0
        for each in (failures if isinstance(failures, list) else [None])
    ]
    return min(found)
