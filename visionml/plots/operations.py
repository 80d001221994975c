"""Pictures of a platform at work: who answered how much and how fast, which alarms rang."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.ticker import StrMethodFormatter

from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, RED, Picture, figure, styled

_VARIANTS = ((BLUE, ""), (ORANGE, "//"), (GREEN, ".."))
"""Colour and hatch: none has to be told by its colour alone."""
_PERCENTILES = (
    ("p50 ms", BLUE, "-", "o"),
    ("p90 ms", GREEN, "--", "s"),
    ("p99 ms", ORANGE, ":", "^"),
)
_FAINT = "#E5E7EB"
_MINUTE = 60 / 86_400
"""As a share of a day, which is what an axis of time counts in."""
_SHORTEST = 1 / 300
"""Of the width, for a time that would not be seen otherwise."""


@styled
def endpoint(table: pd.DataFrame) -> Picture:
    """Show a variant's answers a minute, its errors, and latency percentiles over time.

    `table` is what ``session.metrics.endpoint()`` returns.

    Raises
    ------
    NotFound
        Nothing was measured.
    """
    _check(table)
    counts = table.set_index("variant", append=True)["invocations"].unstack("variant")
    made, (upper, lower) = figure(height=4.6, rows=2, heights=(1, 1.2))
    below = pd.Series(0.0, index=counts.index)
    for (variant, column), (colour, hatch) in zip(counts.items(), _VARIANTS, strict=False):
        upper.bar(
            counts.index, column.fillna(0), width=_MINUTE, bottom=below, color=colour,
            hatch=hatch, edgecolor="white", linewidth=0, label=str(variant),
        )  # fmt: skip
        below += column.fillna(0)
    errors = table.groupby(level=0)["errors"].sum()
    if errors.any():
        upper.plot(errors[errors > 0].index, errors[errors > 0], "x", color=RED, label="errors")
    upper.set_ylabel("answers a minute")
    upper.set_title("What the endpoint answered")
    _percentiles(lower, table[table["variant"] == table["variant"].iloc[0]])
    lower.set_title(f"How long its model took ({table['variant'].iloc[0]})")
    _finished([upper, lower], table.index)
    of_all = ", ".join(f"{name} {int(part)}" for name, part in counts.sum().items())
    return Picture(
        made,
        f"{int(below.sum())} answers in {len(counts)} minutes: {of_all}; "
        f"{int(errors.sum())} errors.",
    )


@styled
def api(table: pd.DataFrame) -> Picture:
    """Show requests a minute by how they ended, and latency percentiles over time.

    `table` is what ``session.metrics.api()`` returns.

    Raises
    ------
    NotFound
        Nobody has asked.
    """
    _check(table)
    made, (upper, lower) = figure(height=4.6, rows=2, heights=(1, 1.2))
    refused, failed = table["refused"].fillna(0), table["failed"].fillna(0)
    parts = (
        ("answered", table["requests"].fillna(0) - refused - failed, BLUE, ""),
        ("refused", refused, GREY, "//"),
        ("failed", failed, RED, "xx"),
    )
    below = pd.Series(0.0, index=table.index)
    for name, column, colour, hatch in parts:
        if column.any():
            upper.bar(
                table.index, column, width=_MINUTE, bottom=below, color=colour, hatch=hatch,
                edgecolor="white", linewidth=0, label=name,
            )  # fmt: skip
        below += column
    upper.set_ylabel("requests a minute")
    upper.set_title("What callers were answered")
    _percentiles(lower, table)
    lower.set_title("How long they waited")
    _finished([upper, lower], table.index)
    told = ", ".join(f"{int(column.sum())} {name}" for name, column, *_ in parts)
    return Picture(made, f"{int(below.sum())} requests: {told}.")


@styled
def alarms(history: pd.DataFrame) -> Picture:
    """Show when which alarm rang; `history` is what ``session.alarms.history()`` returns.

    Raises
    ------
    NotFound
        None has rung.
    """
    if history.empty:
        raise NotFound("No alarm has rung in this time.", hint="Look further back.")
    ended = pd.to_datetime(history["ended"], utc=True).fillna(pd.Timestamp(datetime.now(UTC)))
    lanes = list(dict.fromkeys(history["alarm"]))
    made, (axes,) = figure(height=0.9 + 0.28 * len(lanes))
    first, last = history["began"].min(), ended.max()
    least = (last - first) * _SHORTEST
    for row, alarm in enumerate(lanes):
        axes.axhline(row, color=_FAINT, linewidth=6, zorder=0)
        chosen = history["alarm"] == alarm
        spans = [
            (began, max(end - began, least))
            for began, end in zip(history.loc[chosen, "began"], ended[chosen], strict=True)
        ]
        axes.broken_barh(spans, (row - 0.3, 0.6), color=RED)
    axes.set_yticks(range(len(lanes)), labels=lanes)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title("When alarms rang")
    axes.xaxis.set_major_locator(_ticks())
    axes.xaxis.set_major_formatter(_clock())
    axes.set_xlabel("time (UTC)")
    still = int(history["ended"].isna().sum())
    return Picture(made, f"{len(history)} alarms rang, {still} ring still: {', '.join(lanes)}.")


def _check(table: pd.DataFrame) -> None:
    if table.empty:
        raise NotFound(
            "Nothing was measured in this time.",
            hint="Send requests, or look further back with hours=.",
        )


def _percentiles(axes: Axes, table: pd.DataFrame) -> None:
    for column, colour, line, marker in _PERCENTILES:
        shown = table[column].dropna()
        axes.plot(
            shown.index, shown, line, color=colour, marker=marker, markersize=3,
            label=column.removesuffix(" ms"),
        )  # fmt: skip
    axes.set_yscale("log")
    told = table[[column for column, *_ in _PERCENTILES]]
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    if told.max().max() < 10 * told.min().min():  # no power of ten lies between them
        axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylabel("latency (ms)")
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)


def _finished(panels: list[Axes], minutes: "pd.Index[Any]") -> None:
    """Give both panels the same time, ten minutes at least."""
    first, last = minutes.min(), minutes.max()
    room = max(pd.Timedelta(minutes=10) - (last - first), pd.Timedelta(minutes=2)) / 2
    for axes in panels:
        axes.set_xlim(first - room, last + room)
        axes.xaxis.set_major_locator(_ticks())
        axes.xaxis.set_major_formatter(_clock())
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("time (UTC)")


def _ticks() -> AutoDateLocator:
    return AutoDateLocator(tz=UTC, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]


def _clock() -> DateFormatter:
    return DateFormatter("%H:%M", tz=UTC)  # type: ignore[no-untyped-call]
