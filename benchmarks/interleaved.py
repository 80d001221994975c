"""Work measured in turn with what it is compared with, on one core."""

import time
from collections.abc import Callable, Mapping


def rates(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Return how often a second of processor time each does its work, once a round."""
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, work in candidates.items():
            samples[name].append(_rate(work, seconds))
    return samples


def _rate(work: Callable[[], object], seconds: float) -> float:
    work()
    count, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < seconds:
        work()
        count += 1
    return count / elapsed
