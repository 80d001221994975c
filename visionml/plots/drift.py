"""Pictures of drift: a week of scores, and how small a shift a window sees."""

import numpy as np
from matplotlib.axes import Axes

from visionml.contracts.monitoring import BaselineFacts
from visionml.monitoring.week import DAY, Week
from visionml.plots.picture import BLUE, GREY, RED, SKY, Picture, figure, styled

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HIGHEST = 12.0
"""Of scores by their threshold; higher ones are drawn at it."""


@styled
def timeline(found: Week) -> Picture:
    """Show the score of every hour by its threshold, what had shifted, and the alarms."""
    made, (scores, brightness) = figure(height=4.6, rows=2, heights=(3, 1.3))
    hours = np.arange(len(found.hours))
    values = [
        min(_HIGHEST, hour.report.score / hour.report.threshold)
        if hour.report.threshold
        else np.nan
        for hour in found.hours
    ]
    scores.plot(hours, values, color=BLUE, marker=".", markersize=3, linewidth=1)
    scores.axhline(1, color=RED, linestyle="--", linewidth=1)
    alarms = [number for number, hour in enumerate(found.hours) if hour.alarm]
    scores.plot(alarms, [_HIGHEST * 1.06] * len(alarms), "v", color=RED, markersize=4)
    scores.set_ylim(0, _HIGHEST * 1.12)
    scores.set_ylabel("score by threshold")
    scores.set_title("A week: the score of each hour, and alarms (triangles)")
    light = [_observed(hour.report, "brightness") for hour in found.hours]
    brightness.plot(hours, light, color=GREY, linewidth=1)
    brightness.set_ylabel("brightness")
    for axes in (scores, brightness):
        _days(axes)
        for shift in found.shifts:
            axes.axvspan(shift.begin - 0.5, shift.end - 0.5, color=SKY, alpha=0.25, linewidth=0)
    for shift in found.shifts:
        middle = (shift.begin + shift.end - 1) / 2
        scores.text(middle, _HIGHEST * 0.5, shift.name, rotation=90, ha="center", va="center")
    told = ", ".join(found.detected) or "none"
    return Picture(
        made,
        f"Of {len(found.shifts)} shifts these became an alarm: {told}. Alarms while nothing had"
        f" shifted: {found.false_alarms}.",
    )


@styled
def power(facts: BaselineFacts) -> Picture:
    """Show how often a window of a size sees each of some shifts."""
    made, (axes,) = figure(height=3.2)
    names = list(dict.fromkeys(each.shift for each in facts.power))
    sizes = sorted({each.samples for each in facts.power})
    shares = {(each.shift, each.samples): each.detected for each in facts.power}
    grid = np.array([[shares.get((name, size), np.nan) for size in sizes] for name in names])
    axes.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answers in the window")
    axes.set_title("Share of windows in which a shift is seen")
    for row, column in np.ndindex(grid.shape):
        dark = grid[row, column] > 0.6
        text = f"{grid[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color="w" if dark else "k")
    seen = [name for name, row in zip(names, grid, strict=True) if row[-1] >= 0.95]
    return Picture(
        made, f"Windows of {sizes[-1]:,} answers see, 19 times in 20 or more: {', '.join(seen)}."
    )


def _observed(report: object, name: str) -> float:
    findings = getattr(report, "findings", ())
    found = next((each for each in findings if each.name == name), None)
    return found.observed if found is not None and found.observed is not None else np.nan


def _days(axes: Axes) -> None:
    axes.set_xlim(-1, 7 * DAY)
    axes.set_xticks([day * DAY for day in range(7)], _DAYS, ha="left")
    axes.grid(axis="x")
