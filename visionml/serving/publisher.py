"""Inference events on their way to the stream: beside the answers, never instead of them."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

from visionml.contracts.inference import InferenceEvent
from visionml.errors import VisionmlError

WAIT_SECONDS = 0.1
PAUSE_SECONDS = 10.0
PENDING = 100

log = logging.getLogger(__name__)


class Counts(NamedTuple):
    """What became of events since they were last counted."""

    sent: int
    lost: int


class Publisher:
    """Sends events one after the other, in a thread of its own.

    Lambda stops its clock once an answer is given, so an answer waits for its event, usually some
    milliseconds and at most `wait_seconds`. Where that was too short the stream is in trouble, and
    for `pause_seconds` no answer waits any more. What is under way then is sent during later
    invocations; beyond `pending` of them, events are lost, and counted.
    """

    def __init__(
        self,
        send: Callable[[InferenceEvent], None],
        *,
        wait_seconds: float = WAIT_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        pending: int = PENDING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._wait_seconds, self._pause_seconds = wait_seconds, pause_seconds
        self._most, self._clock = pending, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="events")
        self._lock = threading.Lock()
        self._pending = self._sent = self._lost = 0
        self._hasty_until = 0.0

    def publish(self, event: InferenceEvent) -> None:
        """Send an event, or count it as lost; never raises."""
        with self._lock:
            if self._pending >= self._most:
                self._lost += 1
                return
            self._pending += 1
        patient = self.patient
        sending = self._pool.submit(self._deliver, event)
        if patient and not wait([sending], timeout=self._wait_seconds).done:
            self._hasty_until = self._clock() + self._pause_seconds

    @property
    def patient(self) -> bool:
        """Whether answers wait for their events."""
        return self._clock() >= self._hasty_until

    def counts(self) -> Counts:
        """Return how many events were sent and lost since this was last asked."""
        with self._lock:
            counts = Counts(self._sent, self._lost)
            self._sent = self._lost = 0
        return counts

    def close(self) -> None:
        """Wait until what is under way is sent or lost."""
        self._pool.shutdown()

    def _deliver(self, event: InferenceEvent) -> None:
        sent = False
        try:
            self._send(event)
            sent = True
        except VisionmlError as error:
            log.warning("An inference event was lost: %s", error)
        except Exception:
            log.exception("An inference event was lost")
        finally:
            with self._lock:
                self._pending -= 1
                self._sent += sent
                self._lost += not sent
