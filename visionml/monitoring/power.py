"""What windows of a size would see: the baseline's own answers, shifted, and tested."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from visionml.contracts.monitoring import Power
from visionml.monitoring.calibration import resampled
from visionml.monitoring.features import Values, inputs, measure
from visionml.monitoring.scores import RARE, overall, scores
from visionml.monitoring.window import Floats, Window

if TYPE_CHECKING:
    from visionml.monitoring.baseline import Baseline

WINDOWS = 100
SAMPLES = (100, 1000)
_MOST = 1000


def reference_power(
    baseline: "Baseline", window: Window, rows: Floats, *, rng: np.random.Generator
) -> list[Power]:
    """Return how often windows with reference shifts are told from the baseline.

    The shifts are those that numbers alone can make: a class that becomes more frequent, all
    statistics and the embedding moved along the direction in which they vary most, answers of
    which a share lies nowhere near a known class, and a model that becomes less sure. What
    becomes of images that are darker or blurred only the model itself could tell.
    """
    maps, moments, found = baseline.maps, baseline.moments, []
    for name, shifted, weights in _shifts(baseline, window, rows, rng):
        for samples in SAMPLES:
            seen = resampled(shifted, samples, resamples=WINDOWS, rng=rng, weights=weights)
            scored = scores(maps, moments, seen, moments.mean, samples=samples, rare=RARE)
            null = baseline.null(samples)
            detected = float((overall(scored, null) >= null.threshold).mean())
            found.append(Power(shift=name, samples=samples, detected=detected))
    return found


def _shifts(
    baseline: "Baseline", window: Window, rows: Floats, rng: np.random.Generator
) -> Iterator[tuple[str, Floats, Values]]:
    """Yield a shift's name, its measured answers, and how often each is drawn."""
    one = np.ones(len(rows))
    yield "none", rows, one
    counts = np.bincount(window.labels, minlength=len(window.classes))
    for times in (2.0, 4.0):
        weights = np.where(window.labels == np.argsort(counts)[len(counts) // 2], times, 1.0)
        yield f"class x{times:.0f}", rows, weights
    few = window.take(rng.permutation(len(window))[:_MOST])
    for share in (0.1, 0.25):
        moved = measure(baseline.maps, _along(baseline, few, share))
        yield f"inputs moved by {share:g} deviations", moved, one[: len(few)]
    far = measure(baseline.maps, _strangers(few, rng))
    mixed = np.concatenate([rows, far])
    for share in (0.03, 0.1):
        weights = np.concatenate(
            [one * (1 - share) / len(rows), np.full(len(far), share / len(far))]
        )
        yield f"{share:.0%} far from every class".replace("%", " %"), mixed, weights


def _along(baseline: "Baseline", window: Window, share: float) -> Window:
    """Return the answers with all inputs moved along their widest direction."""
    scale = np.where(baseline.maps.scale > 0, 1 / np.maximum(baseline.maps.scale, 1e-9), 0)
    return _split(window, inputs(window) + share * baseline.maps.loadings[:, 0] * scale)


def _strangers(window: Window, rng: np.random.Generator) -> Window:
    """Return answers whose inputs are each another answer's, half of them.

    Each number is as usual, and together they are of no class.
    """
    raw = inputs(window)
    other = raw[rng.permutation(len(raw))]
    return _split(window, np.where(rng.random(raw.shape[1]) < 0.5, raw, other))


def _split(window: Window, raw: Floats) -> Window:
    width = len(window.names)
    return replace(
        window,
        statistics=raw[:, :width].astype(np.float32),
        embeddings=None if window.embeddings is None else raw[:, width:].astype(np.float32),
    )
