"""Pictures of what the saved queries answer: accuracy, latency, labels, confidence, cost."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, SKY, Picture, figure, styled

_LOOKS = ((BLUE, ""), (ORANGE, "//"), (GREEN, ".."), (SKY, "xx"))
_WIDTH = 0.8
_FEWEST = 20
"""Truths below which a share of right answers says little; such bars are faint."""


@styled
def accuracy(table: pd.DataFrame) -> Picture:
    """Show the share of right answers by day and variant: the saved query ``accuracy_by_day``.

    Above each bar stands how many truths it rests on.

    Raises
    ------
    NotFound
        No truth was told.
    """
    _check(table, "Tell the truth of some predictions first.")
    summed = table.groupby(["date", "variant"], as_index=False)[["told", "correct"]].sum()
    summed["accuracy"] = summed["correct"].astype(float) / summed["told"].astype(float)
    made, (axes,) = figure(height=3.4)
    for (left, width), row, (colour, hatch) in _places(summed):
        faint = 0.45 if row["told"] < _FEWEST else 1.0
        axes.bar(
            left, row["accuracy"], width, color=colour, hatch=hatch, edgecolor="white", alpha=faint
        )
        axes.text(left, row["accuracy"] + 0.015, f"{row['told']}", ha="center", fontsize=8)
    _days(axes, summed)
    axes.set_ylim(0, 1.1)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylabel("right answers")
    axes.set_title("Accuracy by day and variant, with the number of truths")
    told = int(summed["told"].sum())
    right = summed["correct"].sum() / max(told, 1)
    return Picture(made, f"Of {told} answers whose truth was told, {right:.0%} were right.")


@styled
def latency(table: pd.DataFrame) -> Picture:
    """Show percentiles by day and variant: the saved query ``latency_percentiles``.

    Raises
    ------
    NotFound
        There are no answers.
    """
    _check(table)
    made, (axes,) = figure(height=3.4)
    for (left, width), row, (colour, hatch) in _places(table):
        axes.bar(
            left, row["p99_ms"], width, color=colour, alpha=0.3, hatch=hatch, edgecolor="white"
        )
        axes.bar(left, row["p90_ms"], width, color=colour, alpha=0.6)
        axes.bar(left, row["p50_ms"], width, color=colour)
    _days(axes, table)
    axes.set_ylabel("latency (ms)")
    axes.set_title("Median, 90th and 99th percentile, from dark to pale")
    worst = float(table["p99_ms"].max())
    return Picture(made, f"The worst 99th percentile of a day and variant is {worst:.0f} ms.")


@styled
def shift(table: pd.DataFrame) -> Picture:
    """Show each label's share now and in the week before: the saved query ``label_shift``.

    Raises
    ------
    NotFound
        There are no answers.
    """
    _check(table)
    made, (axes,) = figure(height=3.2)
    at = np.arange(len(table))
    for offset, column, name, (colour, hatch) in (
        (-0.2, "share_before", "the week before", (GREY, "//")),
        (0.2, "share", "now", (BLUE, "")),
    ):
        axes.bar(
            at + offset,
            table[column],
            0.4,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=name,
        )
    axes.set_xticks(at, labels=table["label"].astype(str))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylabel("share of the answers")
    axes.set_xlabel("label")
    axes.set_title("What the model says, now and before")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    moved = table.loc[table["shift"].abs().idxmax()]
    before = "" if table["share_before"].any() else " The week before has no answers."
    return Picture(made, f"{moved['label']} has shifted most, by {moved['shift']:+.1%}.{before}")


@styled
def confidence(table: pd.DataFrame) -> Picture:
    """Show how many answers have which probability: the saved query ``confidence_histogram``.

    Raises
    ------
    NotFound
        There are no answers.
    """
    _check(table)
    made, (axes,) = figure(height=3.2)
    edges = np.linspace(0, 1, 11)
    versions = list(table.groupby("model_version")["answers"].sum().nlargest(len(_LOOKS)).index)
    for version, (colour, _) in zip(versions, _LOOKS, strict=False):
        part = table[table["model_version"] == version]
        counts = np.zeros(10)
        counts[(part["from_probability"] * 10).round().astype(int)] = part["answers"].astype(float)
        axes.stairs(counts / counts.sum(), edges, color=colour, linewidth=1.8, label=version)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylabel("share of the answers")
    axes.set_xlabel("probability of the label")
    axes.set_title("How sure the models are")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=8)
    sure = table.loc[table["from_probability"] >= 0.9, "answers"].sum() / table["answers"].sum()
    return Picture(made, f"{sure:.0%} of the answers have a probability of 0.9 or more.")


@styled
def cost(table: pd.DataFrame) -> Picture:
    """Show what a thousand answers cost on each day: the saved query ``cost_per_prediction``.

    Raises
    ------
    NotFound
        There are no answers.
    """
    _check(table)
    made, (axes,) = figure(height=2.8)
    usd = table["usd_per_answer"] * 1000
    places = range(len(table))
    bars = axes.bar(places, usd, _WIDTH / 2, color=BLUE)
    axes.set_xticks(places, list(table["date"].astype(str)))
    axes.bar_label(bars, labels=[f"{count} answers" for count in table["answers"]], padding=2)
    axes.margins(x=0.2, y=0.15)
    axes.set_ylabel("USD")
    axes.set_title("What a thousand answers cost")
    least = float(usd.min())
    return Picture(made, f"A thousand answers cost {least:,.2f} USD on the cheapest day.")


def _check(table: pd.DataFrame, hint: str = "Send some requests first.") -> None:
    if table.empty:
        raise NotFound("There is nothing to draw.", hint=hint)


def _variants(table: pd.DataFrame) -> Sequence[str]:
    return sorted(table["variant"].unique())


def _places(
    table: pd.DataFrame,
) -> "list[tuple[tuple[float, float], pd.Series, tuple[str, str]]]":
    """Return where each row's bar stands, the row, and the look of its variant."""
    days, variants = sorted(table["date"].unique()), _variants(table)
    width = _WIDTH / max(len(variants), 2)
    placed = []
    for _, row in table.iterrows():
        at = variants.index(row["variant"])
        left = days.index(row["date"]) + (at - (len(variants) - 1) / 2) * width
        placed.append(((left, width * 0.92), row, _LOOKS[at % len(_LOOKS)]))
    return placed


def _days(axes: Axes, table: pd.DataFrame) -> None:
    days = sorted(table["date"].unique())
    axes.set_xticks(range(len(days)), labels=[str(day) for day in days])
    axes.set_xlim(-0.8, len(days) - 0.2)
    for variant, (colour, hatch) in zip(_variants(table), _LOOKS, strict=False):
        axes.bar(0, 0, color=colour, hatch=hatch, edgecolor="white", label=variant)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
