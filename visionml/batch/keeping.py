"""Rows in the table that callers ask, a few at once."""

import threading
from collections.abc import Sequence
from typing import Protocol

from visionml.aws.table import Item
from visionml.batch.rows import Row
from visionml.errors import Unavailable
from visionml.serving.pace import Pace
from visionml.serving.predictions import Predictions

_AT_ONCE = 25  # of BatchWriteItem


class Items(Protocol):
    """What is asked of the table; `visionml.aws.writes.Writes` is one."""

    def put_some(self, items: Sequence[Item]) -> list[Item]:
        """Write up to 25 items and return those left over."""


class Keeper:
    """Gathers rows from several threads; the same row twice is the same item."""

    def __init__(self, table: Items, predictions: Predictions, *, pace: Pace) -> None:
        self._table, self._predictions, self._pace = table, predictions, pace
        self._waiting: list[Row] = []
        self._lock = threading.Lock()

    def keep(self, rows: Sequence[Row]) -> None:
        """Take rows, and write them where there are enough."""
        with self._lock:
            self._waiting += rows
            whole = len(self._waiting) // _AT_ONCE * _AT_ONCE
            now, self._waiting = self._waiting[:whole], self._waiting[whole:]
        self._write(now)

    def finish(self) -> None:
        """Write what is left.

        Raises
        ------
        Unavailable
            The table is busy for too long.
        """
        with self._lock:
            now, self._waiting = self._waiting, []
        self._write(now)

    def _write(self, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            left = [self._predictions.item(row.state()) for row in rows[start : start + _AT_ONCE]]
            while left:
                self._pace.ready()
                try:
                    left = self._table.put_some(left)
                except Unavailable as error:
                    self._pace.slow(error)
                    continue
                if left:
                    self._pace.slow(Unavailable("The table of predictions is throttled."))
                else:
                    self._pace.good()
