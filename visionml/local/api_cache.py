"""The response cache of API Gateway's stages: what is kept, for whom, for how long.

As on AWS, a kept answer is found by the method and the values of its cache key parameters alone,
never by a body. An integration's errors are kept like its other answers; what API Gateway refuses
by itself is not, nor is an answer larger than 1 MB.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

LARGEST_BYTES = 1_048_576
MOST_BYTES = 128 * 1024 * 1024

Answer = tuple[int, dict[str, Any], bytes]


@dataclass(frozen=True)
class Kept:
    """An answer and when it ends to be one, by a monotonic clock."""

    answer: Answer
    until: float


@dataclass
class Cache:
    """Answers by their keys; the ones that were not asked for longest make room."""

    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[Hashable, Kept] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key: Hashable) -> Answer | None:
        """Return the answer that is kept for a key."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            if kept.until <= self.clock():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return kept.answer

    def keep(self, key: Hashable, answer: Answer, *, seconds: float) -> None:
        """Keep an answer, if it is one to be kept."""
        body = answer[2]
        if len(body) > LARGEST_BYTES or seconds <= 0:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = Kept(answer, self.clock() + seconds)
            self._bytes += len(body)
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._kept)))

    def flush(self, api_id: str, stage: str) -> None:
        """Forget the answers of one stage; keys begin with the API and the stage."""
        with self._lock:
            for key in [k for k in self._kept if isinstance(k, tuple) and k[:2] == (api_id, stage)]:
                self._drop(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.answer[2])
