"""What moved, and by how much: each single comparison of a report, and answers as examples."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite

import numpy as np
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from visionml.contracts.monitoring import Detector, Example, Finding
from visionml.monitoring.aligning import Aligned
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.features import LEGENDRE, Values
from visionml.monitoring.scores import COMPONENTS, RARE, Null, log_p, noise, smooth_scores

EXAMPLES = 5
_DIRECTIONS = 3
_INPUTS = [place for place, owner in enumerate(COMPONENTS.values()) if owner == "inputs"]
_NAMES = tuple(COMPONENTS)


def corrected(p_values: Values) -> Values:
    """Return p-values corrected for their number (Benjamini and Hochberg 1995, step-up)."""
    count = len(p_values)
    order = np.argsort(p_values)[::-1]
    scaled = p_values[order] * count / np.arange(count, 0, -1)
    result = np.empty(count)
    result[order] = np.minimum(np.minimum.accumulate(scaled), 1)
    return result


def findings(baseline: Baseline, seen: Aligned, scored: Values, null: Null) -> tuple[Finding, ...]:
    """Return every comparison, the most surprising first."""
    spread = np.sqrt(noise(seen.counts, baseline.moments.samples, rare=RARE))
    moved = (seen.means - baseline.moments.mean) / spread
    made = [
        *_statistics(baseline, seen, moved),
        *_directions(baseline, seen, moved),
        *_inputs(baseline, seen, scored, null),
        *_columns(baseline, seen, moved),
    ]
    return tuple(sorted(made, key=lambda each: (not each.moved, each.p_value, -each.score)))


def sentence(found: tuple[Finding, ...]) -> str:
    """Return what moved most, in words."""
    told = [_told(each) for each in found if each.moved and each.detector != "inputs"][:3]
    if not told:
        told = [_told(each) for each in found[:1]]
    return f"{'; '.join(told)}."


def _told(each: Finding) -> str:
    if each.detector == "labels" and each.reference is not None and each.observed is not None:
        return f"{each.name} went from {each.reference:.1%} to {each.observed:.1%}"
    if each.shift is None:
        return f"{each.name} moved"
    return f"{each.name} moved by {each.shift:+.2g} standard deviations"


def examples(baseline: Baseline, seen: Aligned) -> tuple[Example, ...]:
    """Return the answers farthest from every known class, in numbers."""
    window = seen.window
    logs = seen.rows[:, baseline.maps.groups["distance"].start]
    far = np.argsort(np.where(np.isfinite(logs), -logs, np.inf))[:EXAMPLES]
    at, levels = baseline.ordered[0], np.linspace(0, 1, baseline.ordered.shape[1])
    distance = np.sqrt(np.exp(logs[far]) * baseline.maps.distances[0])
    usual = np.interp(distance, at, levels)
    away = (window.statistics[far] - baseline.mean) / np.maximum(baseline.deviation, 1e-9)
    return tuple(
        Example(
            time=datetime.fromtimestamp(float(window.times[row]), UTC)
            if np.isfinite(window.times[row])
            else None,
            label=window.classes[window.labels[row]],
            probability=float(np.nan_to_num(window.probabilities[row, window.labels[row]])),
            distance=float(distance[k]),
            usual=float(usual[k]),
            statistics={
                name: round(float(value), 3)
                for name, value in zip(window.names, away[k], strict=True)
                if np.isfinite(value)
            },
        )
        for k, row in enumerate(far.tolist())
        if np.isfinite(logs[row])
    )


def _statistics(baseline: Baseline, seen: Aligned, moved: Values) -> Iterator[Finding]:
    """Yield each statistic by Neyman's smooth test: its place, width, skewness and tails."""
    tested = baseline.maps.tested
    if not tested:
        return
    found = smooth_scores(baseline.maps, baseline.moments, moved)
    p_values = chdtrc(LEGENDRE, found)
    values = seen.window.statistics[:, list(tested)].astype(np.float64)
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    observed = np.where(finite, values, 0).sum(axis=0) / np.maximum(counts, 1)
    reference, deviation = baseline.mean[list(tested)], baseline.deviation[list(tested)]
    shifts = (observed - reference) / np.where(deviation > 0, deviation, np.nan)
    yield from _made(
        baseline,
        "statistics",
        "smooth",
        names=[seen.window.names[place] for place in tested],
        scores=found,
        p_values=p_values,
        threshold=float(chdtri(LEGENDRE, baseline.facts.false_alarm_rate)),
        reference=reference,
        observed=np.where(counts > 0, observed, np.nan),
        shifts=np.where(counts > 0, shifts, np.nan),
        samples=counts,
    )


def _directions(baseline: Baseline, seen: Aligned, moved: Values) -> Iterator[Finding]:
    """Yield the directions whose mean moved most, named by what goes along with them."""
    maps = baseline.maps
    direct = moved[maps.groups["mean"]] @ maps.total
    p_values = 2 * ndtr(-np.abs(direct))
    most = np.argsort(-np.abs(direct))[:_DIRECTIONS]
    count = seen.counts[maps.groups["mean"].start]
    spread = float(np.sqrt(noise(float(count), baseline.moments.samples, rare=RARE)))
    yield from _made(
        baseline,
        "inputs",
        "direction",
        names=[_direction(baseline, int(place)) for place in most],
        scores=np.abs(direct[most]),
        p_values=np.minimum(1, p_values[most] * len(direct)),
        threshold=float(-ndtri(baseline.facts.false_alarm_rate / 2 / len(direct))),
        reference=None,
        observed=None,
        shifts=direct[most] * spread,
        samples=np.full(len(most), count),
    )


def _direction(baseline: Baseline, place: int) -> str:
    along = baseline.maps.loadings[:, place]
    column = int(np.abs(along).argmax())
    names = baseline.facts.statistics
    like = names[column] if column < len(names) else f"embedding {column - len(names)}"
    return f"direction {place + 1}, like {like}"


def _inputs(baseline: Baseline, seen: Aligned, scored: Values, null: Null) -> Iterator[Finding]:
    p_values = np.exp(log_p(scored, null.components))[_INPUTS]
    yield from _made(
        baseline,
        "inputs",
        "resampled",
        names=[_NAMES[place] for place in _INPUTS],
        scores=scored[_INPUTS],
        p_values=p_values,
        threshold=None,
        reference=None,
        observed=None,
        shifts=None,
        samples=np.full(len(_INPUTS), seen.counts[0]),
    )


def _columns(baseline: Baseline, seen: Aligned, moved: Values) -> Iterator[Finding]:
    """Yield classes, confidence and distances: means and shares, each by its z."""
    maps, moments = baseline.maps, baseline.moments
    named: dict[Detector, tuple[str, list[str]]] = {
        "labels": ("labels", [f"class {name}" for name in baseline.facts.classes]),
        "confidence": (
            "confidence",
            ["prediction entropy", "confidence"]
            + [f"confidence below {100 * edge:.3g} %" for edge in maps.confidences.tolist()],
        ),
        "novelty": (
            "distance",
            ["distance to the nearest class"]
            + [f"farther than {name} of the baseline" for name in _BEYOND],
        ),
    }
    for detector, (group, names) in named.items():
        columns = maps.groups[group]
        z = moved[columns] / moments.deviation[columns]
        tails = ndtr(-z) if detector == "novelty" else 2 * ndtr(-np.abs(z))
        tail = baseline.facts.false_alarm_rate / (1 if detector == "novelty" else 2)
        yield from _made(
            baseline,
            detector,
            "z",
            names=names,
            scores=np.maximum(z, 0) if detector == "novelty" else np.abs(z),
            p_values=tails,
            threshold=float(-ndtri(tail)),
            reference=moments.mean[columns],
            observed=seen.means[columns],
            shifts=(seen.means - moments.mean)[columns] / moments.deviation[columns],
            samples=seen.counts[columns],
        )


_BEYOND = ("50 %", "90 %", "95 %", "98 %", "99 %")


def _made(
    baseline: Baseline,
    detector: Detector,
    test: str,
    *,
    names: list[str],
    scores: Values,
    p_values: Values,
    threshold: float | None,
    reference: Values | None,
    observed: Values | None,
    shifts: Values | None,
    samples: Values,
) -> Iterator[Finding]:
    adjusted = corrected(p_values).tolist()
    rate = baseline.facts.false_alarm_rate

    def at(values: Values | None) -> list[float | None]:
        if values is None:
            return [None] * len(names)
        return [value if isfinite(value) else None for value in values.tolist()]

    columns = zip(
        names,
        scores.tolist(),
        p_values.tolist(),
        adjusted,
        at(reference),
        at(observed),
        at(shifts),
        samples.tolist(),
        strict=True,
    )
    for name, score, p_value, adjusted_p, before, after, shift, count in columns:
        yield Finding(
            detector=detector,
            name=name,
            test=test,
            score=score,
            threshold=threshold,
            p_value=p_value,
            corrected=adjusted_p,
            moved=adjusted_p <= rate,
            reference=before,
            observed=after,
            shift=shift,
            samples=int(count),
        )
