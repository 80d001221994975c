"""Which variant answers a caller: always the same one, as far as the traffic's weights allow.

Nothing is stored. Every variant draws a number from the caller's name and its own; the weights
scale the numbers, and the smallest one wins: rendezvous hashing (Thaler and Ravishankar 1998) by
the logarithmic method (Schindelhauer and Schomaker 2005). A variant gets its share of the callers,
and when weights change, only those callers move who must.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping

from visionml.errors import VisionmlError

WEIGHTS_SECONDS = 15.0
"""How long weights count as known: a change of traffic reaches all callers within this time."""
AGAIN_SECONDS = 3.0
"""When they are asked for again after they could not be had."""

log = logging.getLogger(__name__)


def pseudonym(caller: str) -> str:
    """Return what a caller is called where the name itself must not be written; "" stays empty."""
    name = caller.strip()
    return hashlib.sha256(name.encode()).hexdigest()[:32] if name else ""


def chosen(caller: str, weights: Mapping[str, float]) -> str | None:
    """Return the variant that answers a caller; None where no variant has a weight."""
    drawn = {
        variant: -math.log(_number(caller, variant)) / weight
        for variant, weight in weights.items()
        if weight > 0
    }
    return min(drawn, key=drawn.__getitem__, default=None)


class Sticky:
    """Chooses variants by the endpoint's weights, which it reads now and then."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, float]],
        *,
        seconds: float = WEIGHTS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._weights: Mapping[str, float] = {}
        self._until = -math.inf

    def variant(self, caller: str) -> str | None:
        """Return the variant for a caller's `pseudonym`; None where SageMaker is to choose.

        That is so for callers without a name, while one variant has all the traffic, and while
        the weights cannot be read.
        """
        if not caller:
            return None
        weights = self._known()
        if sum(weight > 0 for weight in weights.values()) < 2:
            return None
        return chosen(caller, weights)

    def _known(self) -> Mapping[str, float]:
        now = self._clock()
        if now >= self._until:
            self._until = now + self._seconds
            try:
                self._weights = self._read()
            except VisionmlError as error:  # what was known last is better than no answer
                log.warning("The endpoint's weights are not known: %s", error)
                self._until = now + min(self._seconds, AGAIN_SECONDS)
        return self._weights


def _number(caller: str, variant: str) -> float:
    """Return a number between 0 and 1, evenly spread, that is the same every time."""
    digest = hashlib.sha256(f"{variant}\0{caller}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") + 0.5) / 2**56
