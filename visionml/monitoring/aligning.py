"""A window in the order of its baseline, and the means of what it has."""

from dataclasses import dataclass, replace

import numpy as np

from visionml.monitoring.baseline import Baseline
from visionml.monitoring.features import Values, inputs, measure
from visionml.monitoring.window import Floats, Window


@dataclass(frozen=True)
class Aligned:
    """What is compared."""

    window: Window
    """With the statistics and the embedding that the baseline has, NaN where it lacks them."""
    rows: Floats
    """(n, columns): what was measured."""
    means: Values
    """(columns,): of the answers that have them; the baseline's where too few have."""
    counts: Values
    """(columns,): how many answers that is."""
    lacking: dict[str, int]
    """Answers that lack something that the baseline has, by what."""

    @property
    def samples(self) -> int:
        """All answers of the window."""
        return len(self.rows)


def aligned(baseline: Baseline, window: Window) -> Aligned:
    """Return a window as the baseline's maps take it."""
    fitted = _ordered(baseline, window)
    rows = measure(baseline.maps, fitted)
    n = len(rows)
    means = rows.mean(axis=0)
    if np.isfinite(means).all():
        return Aligned(fitted, rows, means.astype(np.float64), np.full(len(means), float(n)), {})
    good = np.isfinite(rows)
    counts = good.sum(axis=0).astype(np.float64)
    sums = np.where(good, rows, 0).sum(axis=0, dtype=np.float64)
    enough = counts >= baseline.facts.fewest
    return Aligned(
        window=fitted,
        rows=rows,
        means=np.where(enough, sums / np.maximum(counts, 1), baseline.moments.mean),
        counts=np.where(enough, counts, float(n)),
        lacking=_lacking(baseline, fitted),
    )


def _ordered(baseline: Baseline, window: Window) -> Window:
    facts = baseline.facts
    n, embeddings = len(window), window.embeddings
    if embeddings is not None and (embeddings.shape[1] != facts.embedding):
        embeddings = None
    if facts.embedding and embeddings is None:
        embeddings = np.full((n, facts.embedding), np.nan, np.float32)
    if window.names == facts.statistics:
        return replace(window, embeddings=embeddings)
    statistics = np.full((n, len(facts.statistics)), np.nan, np.float32)
    for place, name in enumerate(facts.statistics):
        if name in window.names:
            statistics[:, place] = window.statistics[:, window.names.index(name)]
    return replace(window, names=facts.statistics, statistics=statistics, embeddings=embeddings)


def _lacking(baseline: Baseline, window: Window) -> dict[str, int]:
    width = len(window.names)
    bad = ~np.isfinite(inputs(window))
    gaps = {window.names[k]: int(bad[:, k].sum()) for k in baseline.maps.tested}
    if baseline.facts.embedding:
        gaps["embedding"] = int(bad[:, width:].any(axis=1).sum())
    gaps["finite probabilities"] = int((~np.isfinite(window.probabilities)).any(axis=1).sum())
    return {what: count for what, count in gaps.items() if count}
