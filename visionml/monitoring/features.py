"""From answers to numbers whose means tell a shift: what is measured of each answer.

Everything that a window is compared by is a mean over its answers of the columns made here, so
that resampling a baseline is one product of matrices. The maps are fitted to one part of the
baseline and used on the other, and on windows: to the answers that they were fitted to they are
kinder than to new ones, above all in many dimensions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from visionml.monitoring.window import Floats, Window

Values = NDArray[np.float64]

KNOTS = 33
LEGENDRE = 4
_ROOTS = np.sqrt(np.array([3, 5, 7, 9], np.float32))
_FAR = np.float32(8)  # standard deviations at which a single value stops to count for more
_SQUARES = (9, 50)
_ROWS_A_SQUARE = 20
_SMALLEST = 1e-2  # variance of a direction, where 1 is that of a column
_ROWS_A_DIRECTION = 5
_DISTANCES = (0.5, 0.9, 0.95, 0.98, 0.99)
_CONFIDENCES = (0.02, 0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Maps:
    """What answers are measured by, fitted to some of the baseline's."""

    knots: tuple[Values, ...]
    """By statistic: values, rising; empty for a statistic that the baseline lacks."""
    ranks: tuple[Values, ...]
    """By statistic: the share of the baseline below each knot, half of those at it included."""
    centre: Floats
    """(columns,) of statistics and embedding together."""
    scale: Floats
    """(columns,): one by standard deviation, 0 for a column that does not vary or is missing."""
    within: Floats
    """(columns, k): to directions in which answers of one class vary by 1."""
    total: Floats
    """(k, k): from there to directions in which all answers vary by 1, the widest first."""
    centroids: Floats
    """(classes, k): the mean of each class, in the first directions."""
    distances: Values
    """Quantiles of the distance to the nearest centroid."""
    confidences: Values
    """Quantiles of the probability of the predicted class."""
    loadings: Floats
    """(columns, k): correlation of each column with each of the second directions."""
    most: float
    """At which the square of a single value in a direction stops to count for more."""

    @property
    def directions(self) -> int:
        """How many directions all inputs together have."""
        return len(self.total)

    @cached_property
    def tested(self) -> tuple[int, ...]:
        """The places of the statistics that the baseline has."""
        return tuple(place for place, knots in enumerate(self.knots) if len(knots))

    @cached_property
    def groups(self) -> dict[str, slice]:
        """Return which columns of `measure` tell what."""
        sizes = {
            "mean": self.directions,
            "spread": self.directions,
            "distance": 1 + len(self.distances),
            "labels": len(self.centroids),
            "confidence": 2 + len(self.confidences),
            "statistics": LEGENDRE * len(self.tested),
        }
        ends = np.cumsum(list(sizes.values())).tolist()
        return {
            name: slice(end - size, end)
            for (name, size), end in zip(sizes.items(), ends, strict=True)
        }


def fit(window: Window) -> Maps:
    """Fit the maps to answers, of which each has all values that any has."""
    finite = np.isfinite(window.statistics)
    pairs = [
        _knots(column[good]) for column, good in zip(window.statistics.T, finite.T, strict=True)
    ]
    raw = inputs(window)
    known = np.isfinite(raw).any(axis=0)
    centre = np.where(known, raw.mean(axis=0, where=np.isfinite(raw) | ~known), 0)
    spread = np.where(known, raw.std(axis=0, where=np.isfinite(raw) | ~known), 0)
    usable = spread > 1e-6 * np.maximum(1, np.abs(centre))
    scale = np.where(usable, 1 / np.where(usable, spread, 1), 0).astype(np.float32)
    centre = centre.astype(np.float32)
    standard = _standardised(raw, centre, scale).astype(np.float64)
    vectors, values = _directions(standard)
    white = standard @ (vectors / np.sqrt(values))
    means = _class_means(white, window.labels, len(window.classes))
    inner, variances = _eigen(np.cov((white - means[window.labels]).T).reshape(len(values), -1))
    to_within = inner / np.sqrt(variances + 1e-2)
    centroids = (means @ to_within).astype(np.float32)
    moved = (white @ to_within).astype(np.float32).T
    distance = _distance(moved, moved * moved, centroids)
    best = window.probabilities.max(axis=1)
    return Maps(
        knots=tuple(knots for knots, _ in pairs),
        ranks=tuple(ranks for _, ranks in pairs),
        centre=centre,
        scale=scale,
        within=(vectors / np.sqrt(values) @ to_within).astype(np.float32),
        total=np.linalg.inv(to_within).astype(np.float32),
        centroids=centroids,
        distances=np.quantile(distance, _DISTANCES),
        confidences=np.quantile(best, _CONFIDENCES),
        loadings=(vectors * np.sqrt(values)).astype(np.float32),
        most=float(np.clip(len(window) / _ROWS_A_SQUARE, *_SQUARES)),
    )


def inputs(window: Window) -> Floats:
    """Return statistics and embeddings of each answer in one row; NaN where anything is amiss."""
    parts = [window.statistics]
    if window.embeddings is not None:
        parts.append(window.embeddings)
    joined = np.concatenate(parts, axis=1)
    return np.where(np.isinf(joined), np.float32(np.nan), joined) if _strange(joined) else joined


def measure(maps: Maps, window: Window) -> Floats:
    """Return the (n, columns) of `Maps.groups`; NaN where an answer lacks what they need."""
    columns = np.empty((maps.groups["statistics"].stop, len(window)), np.float32)
    groups = maps.groups
    moved = columns[groups["mean"]]
    np.matmul(maps.within.T, _standardised(inputs(window), maps.centre, maps.scale).T, out=moved)
    spread = columns[groups["spread"]]
    np.multiply(moved, moved, out=spread)
    distance = _distance(moved, spread, maps.centroids)
    np.minimum(spread, np.float32(maps.most), out=spread)
    columns[groups["distance"]] = _beyond(distance, maps.distances)
    columns[groups["labels"]] = window.labels == np.arange(len(maps.centroids))[:, None]
    columns[groups["confidence"]] = _confidence(window.probabilities, maps.confidences)
    smooth = columns[groups["statistics"]].reshape(LEGENDRE, -1, len(window))
    for place, values in enumerate(legendre(ranks_of(maps, window.statistics).T)):
        smooth[place] = values
    return columns.T


def distances(maps: Maps, window: Window) -> Floats:
    """Return how far each answer is from the nearest class, in standard deviations of one."""
    moved = maps.within.T @ _standardised(inputs(window), maps.centre, maps.scale).T
    return np.sqrt(_distance(moved, moved * moved, maps.centroids))


def legendre(ranks: Floats) -> tuple[Floats, ...]:
    """Return the first four normalised Legendre polynomials of ranks between 0 and 1.

    Of uniform ranks each has mean 0 and variance 1, and they are uncorrelated (Neyman 1937).
    """
    t = 2 * ranks - 1
    square = t * t
    found: tuple[Floats, ...] = (
        _ROOTS[0] * t,
        _ROOTS[1] * (1.5 * square - 0.5),
        _ROOTS[2] * (2.5 * square - 1.5) * t,
        _ROOTS[3] * ((4.375 * square - 3.75) * square + 0.375),
    )
    return found


def _knots(values: Floats) -> tuple[Values, Values]:
    """Return at most `KNOTS` values and the rank of each among all."""
    if not len(values):
        return np.empty(0), np.empty(0)
    ordered = np.sort(values.astype(np.float64))
    knots = np.unique(np.quantile(ordered, np.linspace(0, 1, KNOTS), method="nearest"))
    below = np.searchsorted(ordered, knots, "left") + np.searchsorted(ordered, knots, "right")
    return knots, below / (2 * len(ordered))


def ranks_of(maps: Maps, statistics: Floats) -> Floats:
    """Return the (n, statistics) ranks that values would have in the baseline; NaN of NaN."""
    ranks = np.empty((len(maps.tested), len(statistics)), np.float32)
    for row, place in enumerate(maps.tested):
        knots, levels = maps.knots[place], maps.ranks[place]
        ranks[row] = np.interp(statistics[:, place], knots, levels, left=0, right=1)
    if _strange(statistics):
        ranks[~np.isfinite(statistics[:, list(maps.tested)].T)] = np.nan
    return ranks.T


def _standardised(raw: Floats, centre: Floats, scale: Floats) -> Floats:
    """Return each column in standard deviations; a column that is not used is 0 throughout."""
    result = raw - centre
    result *= scale
    unused = scale == 0
    if unused.any():
        result[:, unused] = 0
    return np.clip(result, -_FAR, _FAR, out=result)


def _directions(standard: Values) -> tuple[Values, Values]:
    """Return (columns, k) principal directions, the widest first, and their variances.

    Directions that hardly vary are left out, and as many others as the rows cannot tell well.
    """
    vectors, values = _eigen(standard.T @ standard / len(standard))
    most = max(1, len(standard) // _ROWS_A_DIRECTION)
    keep = min(most, max(1, int((values > _SMALLEST).sum())))
    return vectors[:, :keep], np.maximum(values[:keep], _SMALLEST)


def _eigen(matrix: Values) -> tuple[Values, Values]:
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, ::-1], np.maximum(values[::-1], 0)


def _class_means(white: Values, labels: NDArray[np.int64], classes: int) -> Values:
    """Return the mean of each class; one that the baseline lacks lies where nothing is near."""
    member = labels[:, None] == np.arange(classes)
    count = member.sum(axis=0)
    means: Values = member.T.astype(np.float64) @ white / np.maximum(count, 1)[:, None]
    means[count == 0] = 1e3
    return means


def _distance(moved: Floats, squares: Floats, centroids: Floats) -> Floats:
    """Return the squared distance of each column of `moved` (k, n) to the nearest centroid."""
    across = -2 * centroids @ moved
    across += np.einsum("ij,ij->i", centroids, centroids)[:, None]
    nearest: Floats = across.min(axis=0)
    nearest += squares.sum(axis=0)
    return np.maximum(nearest, 0)


def _beyond(distance: Floats, quantiles: Values) -> Floats:
    limits = np.maximum(quantiles, 1e-6).astype(np.float32)
    beyond = np.empty((1 + len(limits), len(distance)), np.float32)
    beyond[0] = np.log(np.maximum(distance / limits[0], np.float32(1e-3)))
    beyond[1:] = distance > limits[:, None]
    if _strange(distance):
        beyond[:, ~np.isfinite(distance)] = np.nan
    return beyond


def _confidence(probabilities: Floats, quantiles: Values) -> Floats:
    """Return entropy in nats, the best probability, and whether that is below each quantile."""
    shares = np.maximum(probabilities.T, np.float32(1e-7))
    best = shares.max(axis=0)
    told = np.empty((2 + len(quantiles), len(best)), np.float32)
    told[0] = -(shares * np.log(shares)).sum(axis=0)
    told[1] = best
    told[2:] = best < quantiles.astype(np.float32)[:, None]
    if _strange(told[0]):
        told[:, ~np.isfinite(told[0])] = np.nan
    return told


def _strange(values: Floats) -> bool:
    """Return whether a value is infinite or NaN, at the price of one sum."""
    return not bool(np.isfinite(values.sum()))
