"""Bootstrap confidence intervals, vectorised; pure NumPy.

Images are resampled within their true class: splits are stratified, so the number of images of a
class is fixed by design, and no class can vanish from a resample. Percentiles give the interval
(Efron and Tibshirani 1993, chapter 13).

Where every image was read rightly no resample knows an error, and the percentiles would promise
certainty. There the interval ends at the exact binomial limit instead (Clopper and Pearson 1934).
"""

import numpy as np
from numpy.typing import NDArray

from visionml.evaluation.figures import Figures, Numbers, Values, figures

RESAMPLES = 1000
LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
_CHUNK = 2_000_000  # resampled images at a time: 16 MB of indices

Range = tuple[float, float]


def generator(seed: int = 0) -> np.random.Generator:
    """Return the source of randomness: the same report gives the same intervals."""
    return np.random.default_rng(seed)


def resampled_sums(
    columns: Values | NDArray[np.bool_],
    strata: Numbers,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Values:
    """Return the (resamples, columns) sums of `columns` (images, columns) over resampled images.

    Each resample draws as many images of each stratum as there are, with replacement.
    """
    order = np.argsort(strata, kind="stable")
    sorted_columns = np.ascontiguousarray(columns[order], np.float32)
    _, first, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    start, size = np.repeat(first, sizes), np.repeat(sizes, sizes).astype(np.float64)
    images = len(strata)
    sums = np.empty((resamples, columns.shape[1]))
    step = max(1, _CHUNK // max(1, images))
    for begin in range(0, resamples, step):
        rows = min(step, resamples - begin)
        drawn = start + (rng.random((rows, images)) * size).astype(np.int64)
        drawn += np.arange(rows)[:, None] * images
        times = np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images)
        sums[begin : begin + rows] = times.astype(np.float32) @ sorted_columns
    return sums


def resampled_figures(
    counts: Numbers, *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Figures:
    """Return the figures of resampled confusion matrices, each with `resamples` first.

    A row of a resampled matrix is multinomial with the row's own shares: the same distribution as
    drawing the images of that class, at a cost that does not grow with their number.
    """
    classes = len(counts)
    hits = np.zeros((resamples, classes), np.int64)
    predicted = np.zeros((resamples, classes), np.int64)
    for row, of_class in enumerate(counts):
        cells = np.flatnonzero(of_class)
        if not len(cells):
            continue
        shares = of_class[cells] / of_class.sum()
        drawn = rng.multinomial(of_class.sum(), shares, size=resamples)
        predicted[:, cells] += drawn
        if of_class[row]:
            hits[:, row] = drawn[:, np.searchsorted(cells, row)]
    return figures(hits, counts.sum(axis=1), predicted)


def interval(samples: Values) -> Range:
    """Return the interval of one figure from its (resamples,) values."""
    low, high = np.quantile(samples, (_TAIL, 1 - _TAIL))
    return float(low), float(high)


def share_interval(samples: Values, *, value: float, trials: float) -> Range:
    """Return the interval of a share: exact at its ends, where resampling is blind.

    `trials` is the number of images behind the share (for a mean over classes the effective one,
    `effective`).
    """
    if trials <= 0:
        return 0.0, 1.0
    limit = _TAIL ** (1 / trials)
    if value >= 1:
        return limit, 1.0
    if value <= 0:
        return 0.0, 1 - limit
    low, high = interval(samples)
    return max(0.0, low), min(1.0, high)


def centred_interval(samples: Values, *, value: float) -> Range:
    """Return the interval of a figure that resampling inflates, moved back onto the figure.

    The calibration error is such a figure: a resample adds its own noise to every bin's gap.
    """
    low, high = interval(samples - samples.mean() + value)
    return max(0.0, low), high


def effective(trials: NDArray[np.int64]) -> float:
    """Return the number of images behind a mean of shares with `trials` images each."""
    seen = trials[trials > 0]
    return float(len(seen) ** 2 / (1 / seen).sum()) if len(seen) else 0.0


def resampled_quantiles(
    values: Values, at: float, *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Values:
    """Return a quantile of resampled values, such as the 99th percentile of latencies."""
    drawn = values[rng.integers(0, len(values), (resamples, len(values)))]
    result: Values = np.quantile(drawn, at, axis=1)
    return result
