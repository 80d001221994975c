"""The container's log: a line of JSON for each invocation, without a word of its payload."""

import json
import logging

log = logging.getLogger(__name__)

_MOST_LINES = 1000


class Journal:
    """Writes lines at once, or gathers them until `flush`.

    Written one by one, between predictions that leave the processor's caches cold, they cost a
    request several times as much as together. A worker process that is killed loses those that it
    has gathered.
    """

    def __init__(self, *, gather: bool = False) -> None:
        self._gather = gather
        self._records: list[dict[str, object]] = []

    def note(self, record: dict[str, object]) -> None:
        """Add a line."""
        self._records.append(record)
        if not self._gather or len(self._records) >= _MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        records, self._records = self._records, []
        for record in records:
            log.info("%s", json.dumps(record))
