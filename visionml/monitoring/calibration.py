"""What scores look like without drift, from resamples of the baseline itself.

A window without drift and the baseline are two samples of the same thing, and both are left to
chance here: windows are resampled, and so is the baseline that they are compared with.
"""

from dataclasses import replace

import numpy as np
from scipy.stats import poisson

from visionml.monitoring.features import Maps, Values
from visionml.monitoring.scores import Moments, Null, overall, scores, shape, surprises
from visionml.monitoring.window import Floats

RESAMPLES = 1000
BASELINES = 500
_AGAINST = 4
_LEVELS = 65_536


def calibrate(
    maps: Maps,
    moments: Moments,
    rows: Floats,
    *,
    sizes: tuple[int, ...],
    false_alarm_rate: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> tuple[Null, ...]:
    """Return what to expect of windows of each of `sizes`, from measured answers (n, columns)."""
    expected = resampled(rows, len(rows), resamples=BASELINES, rng=rng)
    return tuple(
        _null(
            _scored(
                maps, moments, resampled(rows, size, resamples=resamples, rng=rng), expected, size
            ),
            false_alarm_rate,
        )
        for size in sizes
    )


def _scored(maps: Maps, moments: Moments, seen: Values, expected: Values, size: int) -> Values:
    """Return the scores of each window against several baselines."""
    against = np.arange(len(seen)) % len(expected)
    return np.concatenate(
        [
            scores(maps, moments, seen, np.roll(expected, turn, axis=0)[against], samples=size)
            for turn in range(_AGAINST)
        ]
    )


def _null(found: Values, false_alarm_rate: float) -> Null:
    components = shape(found)
    draft = Null(components, shape(surprises(found, components)), 0.0)
    return replace(draft, threshold=float(np.quantile(overall(found, draft), 1 - false_alarm_rate)))


def resampled(
    rows: Floats,
    size: int,
    *,
    resamples: int,
    rng: np.random.Generator,
    weights: Values | None = None,
) -> Values:
    """Return (resamples, columns): means of about `size` rows drawn with replacement.

    How often a row is drawn is left to a Poisson distribution, which for the mean is as good
    (Hanley and MacGibbon 2006) and does not take longer for large windows.
    """
    if weights is None:
        counts = _counts(size / len(rows), (resamples, len(rows)), rng)
    else:
        rate = size * weights / weights.sum()
        counts = rng.poisson(rate, (resamples, len(rows))).astype(np.float32)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    result: Values = (counts @ rows / total).astype(np.float64)
    return result


def _counts(rate: float, shape_: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return Poisson numbers, read off a table at random places: ten times as fast."""
    most = int(rate + 10 * np.sqrt(rate) + 10)
    below = poisson.cdf(np.arange(most), rate)
    table = np.searchsorted(below, (np.arange(_LEVELS) + 0.5) / _LEVELS).astype(np.float32)
    places = np.frombuffer(rng.bytes(2 * shape_[0] * shape_[1]), np.uint16)
    return table[places].reshape(shape_)
