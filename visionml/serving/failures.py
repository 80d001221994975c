"""Records of a stream that no prediction's state can tell of: recorded once, by their position."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from visionml.aws.table import Table
from visionml.contracts.inference import ErrorDetail
from visionml.contracts.stream import GivenUp, StreamRange
from visionml.errors import Conflict
from visionml.serving.predictions import TTL_ATTRIBUTE

_SORT = "FAILURE"
_DAY_SECONDS = 86_400


class Received(NamedTuple):
    """A record as the consumer is handed it."""

    stream: str
    """The stream's ARN."""
    shard: str
    sequence: str
    arrived: datetime
    data: bytes

    @property
    def position(self) -> str:
        """What no other record of the stream has, and this one keeps however often it comes."""
        return f"{self.shard}:{self.sequence}"


class Failures:
    """In the predictions table once for each record, and told to a queue once at least."""

    def __init__(
        self,
        table: Table,
        *,
        days: int,
        send: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table, self._days, self._send, self._clock = table, days, send, clock

    def keep(self, record: Received, reason: ErrorDetail) -> bool:
        """Record that a record failed, tell the queue, and return whether that is new.

        It may be broken off between any two steps: done again, it does what is missing. The queue
        is told twice only of what was broken off just after it was told.
        """
        partition = f"RECORD#{record.position}"
        kept = self._table.get(partition, _SORT)
        if kept is not None and kept["told"]:
            return False
        if kept is None:
            self._record(partition, record, reason)
        self._send(_message(record, reason))
        self._table.update(partition, _SORT, facts={"told": True})
        return kept is None

    def reason(self, position: str) -> ErrorDetail | None:
        """Return why the record at a position failed, or None."""
        kept = self._table.get(f"RECORD#{position}", _SORT)
        return None if kept is None else ErrorDetail.model_validate(kept["error"])

    def _record(self, partition: str, record: Received, reason: ErrorDetail) -> None:
        item = {
            "PK": partition,
            "SK": _SORT,
            "stream": record.stream,
            "arrived": record.arrived.isoformat(),
            "bytes": len(record.data),
            "error": reason.model_dump(mode="json", exclude_none=True),
            "told": False,
            TTL_ATTRIBUTE: int(self._clock()) + self._days * _DAY_SECONDS,
        }
        try:
            self._table.put(item, expected={"PK": None})
        except Conflict:
            return  # somebody else is at it: both tell


def _message(record: Received, reason: ErrorDetail) -> str:
    where = StreamRange(
        shard_id=record.shard,
        start_sequence_number=record.sequence,
        end_sequence_number=record.sequence,
        approximate_arrival_of_first_record=record.arrived,
        approximate_arrival_of_last_record=record.arrived,
        batch_size=1,
        stream_arn=record.stream,
    )
    return GivenUp(reason=reason, KinesisBatchInfo=where).model_dump_json(by_alias=True)
