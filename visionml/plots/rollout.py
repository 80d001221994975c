"""The picture of a rollout: who answered, what went wrong, which alarm rang, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import ScalarFormatter

from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, RED, SKY, Picture, figure, styled

_LOOKS = (
    (BLUE, "", "o"),
    (ORANGE, "//", "s"),
    (GREEN, "..", "^"),
    (SKY, "xx", "v"),
    ("#CC79A7", "++", "D"),
)
"""Colour, hatch and marker of a version: none has to be told by its colour alone."""
Look = tuple[str, str, str]
_FAINT = "#E5E7EB"
_CLOSE = 0.035
"""Marks that lie closer than this share of the width have one text together."""


@styled
def timeline(
    requests: pd.DataFrame,
    *,
    alarms: pd.DataFrame,
    marks: Mapping[str, datetime],
    names: Mapping[str, str] | None = None,
) -> Picture:
    """Draw the requests of a rollout by version, their errors and latencies, alarms and marks.

    Parameters
    ----------
    requests
        ``sent``, ``version`` (empty for a failed request), ``right``, ``latency_ms`` and
        ``error``, a row per request.
    alarms
        ``alarm``, ``began`` and ``ended``, a row per time that an alarm was in ALARM; an alarm that
        never was has a row without times.
    marks
        Moments to draw a line at, in order.
    names
        What to call a version instead of its id; their order decides the colours.

    Raises
    ------
    NotFound
        There are no requests.
    """
    if requests.empty:
        raise NotFound("There were no requests to draw.", hint="Let traffic flow meanwhile.")
    zero = requests["sent"].min()
    table = requests.assign(second=(requests["sent"] - zero).dt.total_seconds())
    called, looks = _called(table, names or {})
    lanes = list(dict.fromkeys(alarms["alarm"]))
    made, panels = figure(
        height=5.2 + 0.25 * len(lanes), rows=4, heights=(3, 1.2, 1.6, 0.3 + 0.35 * len(lanes))
    )
    traffic, errors, latency, ringing = panels
    _traffic(traffic, table, called, looks)
    _errors(errors, table)
    _latency(latency, table, looks)
    _alarms(ringing, alarms, lanes, zero)
    end = float(table["second"].max())
    _marks(panels, {what: (at - zero).total_seconds() for what, at in marks.items()}, end)
    ringing.set_xlabel("seconds since the first request")
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    return Picture(made, _told(table, alarms, called))


def _called(
    table: pd.DataFrame, names: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Look]]:
    """Return each version's name and look; a version in `names` looks the same in all pictures."""
    called = {v: names.get(v, v) for v in table["version"].unique() if v}
    order = list(dict.fromkeys([*names, *called]))
    return called, {v: _LOOKS[order.index(v) % len(_LOOKS)] for v in called}


def _per_second(
    seconds: "pd.Series[float]", end: int
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.bincount(seconds.astype(int), minlength=end)


def _traffic(
    axes: Axes, table: pd.DataFrame, called: Mapping[str, str], looks: Mapping[str, Look]
) -> None:
    end = max(1, int(table["second"].max()))  # the last second is not over
    table = table[table["second"] < end]
    edges, below = np.arange(end + 1), np.zeros(end)
    groups = [
        (table["version"] == version, name, looks[version][0], looks[version][1])
        for version, name in called.items()
    ]
    groups.append((table["error"] != "", "failed", RED, ""))
    for chosen, name, colour, hatch in groups:
        count = _per_second(table.loc[chosen, "second"], end)
        if not count.any():
            continue
        axes.stairs(
            below + count,
            edges,
            baseline=below,
            fill=True,
            facecolor=colour,
            edgecolor="white",
            hatch=hatch,
            linewidth=0,
            label=name,
        )
        below = below + count
    axes.set_ylabel("requests/s")
    axes.set_ylim(0, below.max() * 1.05)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), title="answered by")


def _errors(axes: Axes, table: pd.DataFrame) -> None:
    end = int(table["second"].max()) + 1
    failed = _per_second(table.loc[table["error"] != "", "second"], end)
    wrong = _per_second(table.loc[(table["error"] == "") & ~table["right"], "second"], end)
    middle = np.arange(end) + 0.5
    axes.bar(middle, failed, width=0.9, color=RED, label="failed")
    axes.bar(
        middle,
        wrong,
        width=0.9,
        bottom=failed,
        color=GREY,
        hatch="//",
        edgecolor="white",
        label="wrong label",
    )
    axes.set_ylabel("errors/s")
    axes.set_ylim(0, max(1.0, float((failed + wrong).max()) * 1.1))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _latency(axes: Axes, table: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    for version, (colour, _, marker) in looks.items():
        rows = table[table["version"] == version]
        axes.plot(rows["second"], rows["latency_ms"], marker, color=colour, markersize=2.5)
    failed = table[table["error"] != ""]
    axes.plot(failed["second"], failed["latency_ms"], "x", color=RED, markersize=3.5)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set_ylabel("latency (ms)")
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)


def _alarms(axes: Axes, alarms: pd.DataFrame, lanes: Sequence[str], zero: datetime) -> None:
    for row, alarm in enumerate(lanes):
        axes.axhline(row, color=_FAINT, linewidth=6, zorder=0)
        for _, rung in alarms[(alarms["alarm"] == alarm) & alarms["began"].notna()].iterrows():
            began = (rung["began"] - zero).total_seconds()
            length = (rung["ended"] - rung["began"]).total_seconds()
            axes.broken_barh([(began, length)], (row - 0.3, 0.6), color=RED)
    axes.set_yticks(range(len(lanes)), labels=lanes)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _marks(panels: Sequence[Axes], marks: Mapping[str, float], end: float) -> None:
    last = max(end, *marks.values(), 0.0)
    for axes in panels:
        axes.set_xlim(min(0.0, *marks.values(), 0.0), last)
        for second in marks.values():
            axes.axvline(second, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    together: list[tuple[float, list[str]]] = []
    for what, second in sorted(marks.items(), key=lambda mark: mark[1]):
        if together and second - together[-1][0] < _CLOSE * last:
            together[-1][1].append(what)
        else:
            together.append((second, [what]))
    for second, said in together:
        panels[0].annotate(
            ", ".join(said),
            (second, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2, 3),
            textcoords="offset points",
            rotation=30,
            fontsize=8,
        )


def _told(table: pd.DataFrame, alarms: pd.DataFrame, called: Mapping[str, str]) -> str:
    shares = ", ".join(
        f"{int((table['version'] == version).sum())} by {name}" for version, name in called.items()
    )
    rang = sorted(set(alarms.loc[alarms["began"].notna(), "alarm"]))
    return (
        f"{len(table)} requests in {table['second'].max():.0f} s, answered: {shares or 'none'}; "
        f"{int((table['error'] != '').sum())} failed. "
        f"In alarm: {', '.join(rang) or 'none'}."
    )
