"""The report page's pictures: SVG as text, in the page's colours, each with a sentence of its own.

Colours are classes that the page's style gives a value in light and in dark. What is drawn in
colour is told by its place or in words as well.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from html import escape

from visionml.contracts.monitoring import DriftReport, Finding, PerformancePoint

_WIDTH = 720
_LEFT, _RIGHT = 170, 60


def history(reports: Sequence[DriftReport]) -> str:
    """Return each report's score over time against its threshold, the oldest first."""
    height, top, bottom = 220, 12, 30
    tested = [each for each in reports if each.threshold is not None]
    most = max([_height(each.score) for each in tested] + [_height(10.0)])
    across = _times([each.time for each in reports], left=44, right=_WIDTH - 14)

    def y(value: float) -> float:
        return height - bottom - (height - top - bottom) * _height(value) / most

    parts = [
        _line(44, y(mark), _WIDTH - 14, y(mark), "grid")
        + _text(38, y(mark) + 4, f"{mark:g}", "end")
        for mark in (0, 1, 3, 10, 100, 1000, 10_000)
        if _height(mark) <= most
    ]
    if tested:
        limit = y(tested[-1].threshold or 0)
        parts.append(_line(44, limit, _WIDTH - 14, limit, "limit"))
        path = " ".join(
            f"{x:.1f},{y(each.score):.1f}"
            for x, each in zip(across, reports, strict=True)
            if each.threshold is not None
        )
        parts.append(f'<polyline class="line" points="{path}"/>')
    for x, each in zip(across, reports, strict=True):
        title = f"<title>{_when(each.time)}: {escape(each.state)}, score {each.score:.2f}</title>"
        if each.threshold is None:
            parts.append(f'<path class="untested" d="M{x - 4:.1f} {y(0)}h8">{title}</path>')
        elif each.drifted:
            at = y(each.score) - 4
            parts.append(
                f'<rect class="moved" x="{x - 4:.1f}" y="{at:.1f}" width="8" height="8">'
                f"{title}</rect>"
            )
        else:
            parts.append(
                f'<circle class="quiet-mark" cx="{x:.1f}" cy="{y(each.score):.1f}" r="3">'
                f"{title}</circle>"
            )
    parts += _dates(reports[0].time, reports[-1].time, height - 8)
    drifted = sum(each.drifted for each in reports)
    told = f"Drift score of {len(reports)} reports, {drifted} of which drifted (squares)."
    return _svg(parts, height, told)


def shifts(findings: Sequence[Finding]) -> str:
    """Return how far the mean of each finding moved, in standard deviations of the baseline."""
    known = [each for each in findings if each.shift is not None]
    most = max([abs(each.shift or 0) for each in known] + [0.5])
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    half = (_WIDTH - _LEFT - 2 * _RIGHT) / 2
    parts, at = [], 8.0
    for each in known:
        shift = each.shift or 0.0
        length = half * abs(shift) / most
        start = middle if shift >= 0 else middle - length
        kind = "moved" if each.moved else "quiet-mark"
        parts.append(_text(_LEFT - 8, at + 12, each.name, "end"))
        parts.append(
            f'<rect class="{kind}" x="{start:.1f}" y="{at:.1f}" width="{max(length, 1):.1f}" '
            f'height="14"><title>{escape(each.name)}: {shift:+.3g}</title></rect>'
        )
        beside, anchor = (start + length + 5, "start") if shift >= 0 else (start - 5, "end")
        parts.append(_text(beside, at + 12, f"{shift:+.2f}", anchor))
        at += 22
    parts.insert(0, _line(middle, 4, middle, at, "axis"))
    moved = ", ".join(each.name for each in known if each.moved) or "none"
    return _svg(parts, at + 6, f"Shift of each statistic in standard deviations; moved: {moved}.")


def shares(findings: Sequence[Finding]) -> str:
    """Return how often each class was predicted, in the baseline and in the window."""
    known = [each for each in findings if each.reference is not None and each.observed is not None]
    most = max([max(each.reference or 0, each.observed or 0) for each in known] + [0.01])
    parts, at = [], 8.0
    for each in known:
        parts.append(_text(_LEFT - 8, at + 16, each.name, "end"))
        for share, kind in (
            (each.reference or 0.0, "before"),
            (each.observed or 0.0, "moved" if each.moved else "quiet-mark"),
        ):
            length = (_WIDTH - _LEFT - _RIGHT) * share / most
            parts.append(
                f'<rect class="{kind}" x="{_LEFT}" y="{at:.1f}" width="{max(length, 1):.1f}" '
                'height="10"/>'
            )
            parts.append(_text(_LEFT + length + 5, at + 9, f"{share:.1%}", "start"))
            at += 12
        at += 8
    return _svg(parts, at, "Share of each class: above in the baseline, below in the window.")


def accuracy(points: Sequence[PerformancePoint]) -> str:
    """Return accuracy over time with its intervals, and what confidence had promised."""
    height, top, bottom = 220, 12, 30
    known = [each for each in points if each.accuracy is not None]
    lowest = min([each.interval[0] for each in known] + [0.9])
    lowest = min([each.estimate.low for each in points if each.estimate] + [lowest])
    lowest = math.floor(lowest * 10) / 10
    across = _times([each.end for each in points], left=52, right=_WIDTH - 14)

    def y(value: float) -> float:
        return height - bottom - (height - top - bottom) * (value - lowest) / (1 - lowest or 1)

    parts = [
        _line(52, y(mark), _WIDTH - 14, y(mark), "grid")
        + _text(46, y(mark) + 4, f"{mark:.0%}", "end")
        for mark in (lowest, (lowest + 1) / 2, 1.0)
    ]
    for x, each in zip(across, points, strict=True):
        if each.estimate:
            promised = each.estimate
            parts.append(_line(x + 4, y(promised.low), x + 4, y(promised.high), "promised"))
            parts.append(_line(x, y(promised.accuracy), x + 8, y(promised.accuracy), "promised"))
        if each.accuracy is not None:
            low, high = each.interval
            parts.append(_line(x, y(low), x, y(high), "line"))
            parts.append(
                f'<circle class="quiet-mark" cx="{x:.1f}" cy="{y(each.accuracy):.1f}" r="4">'
                f"<title>{_when(each.end)}: {each.accuracy:.1%} of {each.labelled}</title></circle>"
            )
    parts += _dates(points[0].end, points[-1].end, height - 8)
    told = f"Accuracy in {len(known)} periods with truths; dashes are what confidence promised."
    return _svg(parts, height, told)


def _height(score: float) -> float:
    return math.log1p(max(0.0, score))


def _times(times: Sequence[datetime], *, left: float, right: float) -> list[float]:
    """Return where times lie between two places; a single one in the middle."""
    first, last = min(times), max(times)
    span = (last - first).total_seconds()
    if not span:
        return [(left + right) / 2] * len(times)
    return [left + (right - left) * (each - first).total_seconds() / span for each in times]


def _dates(first: datetime, last: datetime, at: float) -> list[str]:
    if first == last:
        return [_text(_WIDTH / 2, at, _when(first), "middle")]
    return [_text(44, at, _when(first), "start"), _text(_WIDTH - 14, at, _when(last), "end")]


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(parts: Sequence[str], height: float, told: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(told)}">'
        f"{''.join(parts)}</svg><figcaption>{escape(told)}</figcaption></figure>"
    )
