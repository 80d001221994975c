"""How one invocation of a consumer waits for what is busy, instead of failing its records."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from visionml.errors import Unavailable, VisionmlError

_Result = TypeVar("_Result")

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 10.0


class Pace:
    """Shared by the threads of an invocation: one that finds the endpoint busy slows all of them.

    Pauses double from a fifth of a second to ten, each shortened by up to a half at random. What
    has no answer when `seconds` are over is handed back, and nothing new is begun.
    """

    def __init__(
        self,
        *,
        seconds: float,
        renewed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Wait for `seconds` in all; where it is `renewed`, since the last answer."""
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._seconds, self._renewed = seconds, renewed
        self._until = clock() + seconds
        self._hold = 0.0
        self._streak = 0
        self._spent = False
        self._lock = threading.Lock()
        self.waits = 0
        """How often somebody had to wait."""

    def ready(self) -> None:
        """Wait until one may ask again.

        Raises
        ------
        Unavailable
            There is no time left in this invocation.
        """
        if self._spent:
            raise Unavailable("What answers was busy for too long; the record is handed back.")
        pause = self._hold - self._clock()
        if pause > 0:
            self._sleep(pause)

    def slow(self, error: VisionmlError) -> None:
        """Take that something was busy or down; raise `error` when there is no time to wait."""
        with self._lock:
            self._streak += 1
            longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(self._streak - 1, 10))
            pause = longest * (1 - self._chance() / 2)
            now = self._clock()
            if self._spent or now + pause > self._until:
                self._spent = True
                raise error
            self._hold = now + pause
            self.waits += 1

    def good(self) -> None:
        """Take that somebody was answered."""
        self._streak = 0
        if self._renewed:
            self._until = self._clock() + self._seconds

    def patiently(self, work: Callable[[], _Result]) -> _Result:
        """Do `work` until it succeeds.

        Raises
        ------
        VisionmlError
            It does not before there is no time left.
        """
        while True:
            self.ready()
            try:
                result = work()
            except VisionmlError as error:
                self.slow(error)
            else:
                self.good()
                return result
