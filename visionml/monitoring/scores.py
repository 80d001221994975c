"""From means to scores: how far a window's means are from the baseline's, in five respects."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from visionml.contracts.monitoring import Detector
from visionml.monitoring.features import LEGENDRE, Maps, Values

COMPONENTS: dict[str, Detector] = {
    "mean of all inputs": "inputs",
    "mean in wide directions": "inputs",
    "mean in one direction": "inputs",
    "spread of all inputs": "inputs",
    "spread in one direction": "inputs",
    "distribution of one statistic": "statistics",
    "shares of classes": "labels",
    "confidence": "confidence",
    "distance to the nearest class": "novelty",
}
"""What is scored, and the detector that it belongs to."""
DETECTORS: tuple[Detector, ...] = ("inputs", "statistics", "labels", "confidence", "novelty")
RARE = 150
"""Answers by which a baseline is distrusted where windows are tested, not where it is resampled.

A sample knows the variance of rare things too well, since what is rarer still is not in it. By
measurement this holds the rate of false alarms with baselines of some hundred answers, and hardly
matters with thousands."""


@dataclass(frozen=True)
class Null:
    """What to expect without drift of windows of one size."""

    components: Values
    """(components, 3): mean, standard deviation and skewness of each score."""
    detectors: Values
    """(detectors, 3): of each detector's surprise."""
    threshold: float
    """Of `overall`."""


@dataclass(frozen=True)
class Moments:
    """Means and variances of the measured columns in the baseline."""

    samples: int
    mean: Values
    """(columns,)."""
    deviation: Values
    """(columns,): standard deviations, at least what one answer in all of them would make."""
    smooth: NDArray[np.float64]
    """(statistics, 4, 4): inverse covariances of the columns of each statistic."""

    @classmethod
    def of(cls, rows: NDArray[np.float32], maps: Maps) -> "Moments":
        """Return the moments of measured answers, (n, columns)."""
        wide = rows.astype(np.float64)
        floor = 1 / max(1, len(rows))
        columns = wide[:, maps.groups["statistics"]].reshape(len(rows), LEGENDRE, -1)
        centred = columns - columns.mean(axis=0)
        covariance = np.einsum("nis,njs->sij", centred, centred) / len(rows)
        return cls(
            samples=len(rows),
            mean=wide.mean(axis=0),
            deviation=np.sqrt(wide.var(axis=0) + floor),
            smooth=np.linalg.inv(covariance + 3 * floor * np.eye(LEGENDRE)),
        )


def noise(samples: float | Values, reference: int, *, rare: float = 0) -> float | Values:
    """Return the variance of a difference of two means, where 1 is that of one answer.

    With `rare` the baseline's own part is taken for larger: see `RARE`.
    """
    return 1 / samples + (1 + rare / reference) / reference


def scores(
    maps: Maps,
    moments: Moments,
    seen: Values,
    expected: Values,
    *,
    samples: float | Values,
    rare: float = 0,
) -> Values:
    """Return (..., components) scores of means (..., columns).

    Each is about as large with any number of samples, if nothing has moved: sums of squares, the
    largest of several squares, or the largest of several differences. `samples` is how many
    answers are behind all means, or behind each.
    """
    spread, groups = noise(samples, moments.samples, rare=rare), maps.groups
    moved = (seen - expected) / np.sqrt(spread)
    relative = moved / moments.deviation
    direct = moved[..., groups["mean"]] @ maps.total
    squares = direct**2
    squeezed = relative[..., groups["spread"]] ** 2
    wide = squares[..., : max(1, maps.directions // 2)]
    smooth = smooth_scores(maps, moments, moved)
    kinds = moved[..., groups["labels"]] ** 2 / (
        moments.mean[groups["labels"]] + 1 / moments.samples
    )
    found = [
        squares.sum(axis=-1),
        wide.sum(axis=-1),
        squares.max(axis=-1),
        squeezed.sum(axis=-1),
        squeezed.max(axis=-1),
        smooth.max(axis=-1, initial=0),
        kinds.sum(axis=-1),
        (relative[..., groups["confidence"]] ** 2).max(axis=-1),
        np.maximum(relative[..., groups["distance"]], 0).max(axis=-1) ** 2,
    ]
    return np.stack(found, axis=-1)


def smooth_scores(maps: Maps, moments: Moments, moved: Values) -> Values:
    """Return the (..., statistics) scores of Neyman's smooth test, chi-square with 4 degrees."""
    columns = moved[..., maps.groups["statistics"]]
    columns = columns.reshape(*columns.shape[:-1], LEGENDRE, -1)
    turned = np.einsum("...is,sij->...js", columns, moments.smooth)
    result: Values = (turned * columns).sum(axis=-2)
    return result


def log_p(score: Values, null: Values) -> Values:
    """Return the natural logarithm of how likely scores so large are by chance.

    Parameters
    ----------
    score
        (..., m).
    null
        (m, 3): mean, standard deviation and skewness of each score without drift. It is taken for
        a gamma distribution that is moved, by the cube root's normality (Wilson, Hilferty 1931).
    """
    mean, deviation, skew = null[:, 0], np.maximum(null[:, 1], 1e-12), np.maximum(null[:, 2], 0.1)
    shape = 4 / skew**2
    ratio = 1 + (score - mean) / (deviation * np.sqrt(shape))
    cube = np.cbrt(np.maximum(ratio, 1e-9))
    normal = (cube - (1 - 1 / (9 * shape))) * np.sqrt(9 * shape)
    result: Values = log_ndtr(-normal)
    return result


def surprises(found: Values, null: Values) -> Values:
    """Return (..., detectors): -log10 of the smallest p-value of each detector's components."""
    each = -log_p(found, null) / np.log(10)
    owners = list(COMPONENTS.values())
    return np.stack(
        [
            each[..., [place for place, owner in enumerate(owners) if owner == detector]].max(-1)
            for detector in DETECTORS
        ],
        axis=-1,
    )


def shape(samples: Values) -> Values:
    """Return (m, 3): mean, standard deviation and skewness of (n, m) samples."""
    mean, deviation = samples.mean(axis=0), samples.std(axis=0)
    skew = ((samples - mean) ** 3).mean(axis=0) / np.maximum(deviation, 1e-12) ** 3
    return np.stack([mean, deviation, skew], axis=-1)


def overall(found: Values, null: Null) -> Values:
    """Return the largest of the detectors' -log10 p-values: one number for a whole report."""
    each = -log_p(surprises(found, null.components), null.detectors) / np.log(10)
    result: Values = each.max(axis=-1)
    return result
