"""Pictures of experiments: one variant against the other, traffic shared, regret."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import stats

from visionml.errors import NotFound
from visionml.experiments.comparison import Arm, Comparison
from visionml.experiments.shares import posterior, wilson
from visionml.experiments.simulation import Simulation
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, SKY, Picture, figure, styled

_LOOKS = ((BLUE, "-", ""), (ORANGE, "--", "//"), (GREEN, "-.", ".."), (SKY, ":", "xx"))
"""Colour, line and hatch: nothing has to be told by its colour alone."""
_POINTS = 400


@styled
def against(found: Comparison) -> Picture:
    """Show what each variant's accuracy may be, and how far the two lie apart.

    Raises
    ------
    NotFound
        No true label is known for one of them.
    """
    if not (found.a.right.trials and found.b.right.trials):
        raise NotFound(found.sentence, hint="Tell the truth of some predictions first.")
    made, (left, right) = figure(height=3.4, columns=2)
    low = min(wilson(arm.right, level=0.9999)[0] for arm in (found.a, found.b))
    high = max(wilson(arm.right, level=0.9999)[1] for arm in (found.a, found.b))
    at = np.linspace(low, high, _POINTS)
    for arm, (colour, line, hatch) in zip((found.a, found.b), _LOOKS[:2], strict=True):
        density = stats.beta.pdf(at, *posterior(arm.right))
        left.plot(at, density, line, color=colour, label=_named(arm))
        left.fill_between(at, density, facecolor=colour, alpha=0.2, hatch=hatch)
    left.set_yticks([])
    left.set_xlabel("accuracy")
    left.set_title("What the accuracies may be")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)
    _difference(right, found)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    return Picture(made, found.sentence)


def _difference(axes: Axes, found: Comparison) -> None:
    axes.axvline(0, color=GREY, linestyle="--")
    spread = [[found.difference - found.low], [found.high - found.difference]]
    colour = GREEN if found.better else ORANGE
    axes.errorbar([found.difference], [0], xerr=spread, color=colour, marker="o", capsize=4)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    axes.set_xlabel(f"{found.b.variant} less {found.a.variant}, 95 % interval")
    axes.set_title(f"{found.better} is better" if found.better else "Not told apart yet")


def _named(arm: Arm) -> str:
    return f"{arm.variant}: {arm.right.successes:,} of {arm.right.trials:,} right"


@styled
def shares(counts: pd.DataFrame) -> Picture:
    """Show who answered how many requests in each minute; a column for each variant.

    Raises
    ------
    NotFound
        There were no requests.
    """
    total = counts.sum(axis=1)
    if counts.empty or not total.any():
        raise NotFound("There were no requests to draw.", hint="Send some through the API.")
    counts, total = counts[total > 0], total[total > 0]
    minutes = (counts.index - counts.index[0]).total_seconds() / 60
    made, (upper, lower) = figure(height=4.2, rows=2, heights=(2, 1))
    below = np.zeros(len(counts))
    for (variant, column), (colour, _, hatch) in zip(counts.items(), _LOOKS, strict=False):
        share = (column / total).to_numpy()
        upper.bar(
            minutes,
            share,
            width=0.9,
            bottom=below,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=str(variant),
        )
        below = below + share
    upper.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    upper.set_ylabel("share")
    upper.set_title("Who answers")
    upper.legend(loc="upper left", bbox_to_anchor=(1, 1))
    lower.bar(minutes, total, width=0.9, color=GREY)
    lower.set_ylabel("requests/min")
    lower.set_xlabel("minutes since the first request")
    of_all = ", ".join(f"{name} {part / total.sum():.0%}" for name, part in counts.sum().items())
    return Picture(made, f"{int(total.sum())} requests, answered by: {of_all}.")


@styled
def regret(simulations: Sequence[Simulation]) -> Picture:
    """Show what policies cost in simulated traffic, and how they shared it.

    Bands hold the middle 80 % of the runs. On the right is the traffic of the best arm.

    Raises
    ------
    NotFound
        There is no simulation.
    """
    if not simulations:
        raise NotFound("There is no simulation to draw.", hint="Simulate a policy first.")
    made, (left, right) = figure(height=3.6, columns=2)
    for each, (colour, line, _) in zip(simulations, _LOOKS, strict=False):
        low, high = np.quantile(each.regret, (0.1, 0.9), axis=0)
        left.fill_between(each.requests, low, high, color=colour, alpha=0.15, linewidth=0)
        left.plot(each.requests, each.regret.mean(axis=0), line, color=colour, label=each.policy)
        best = each.shares[:, :, int(np.argmax(each.rates))].mean(axis=0)
        right.plot(each.requests, best, line, color=colour)
    left.set_ylabel("wrong answers too many")
    left.set_title("What learning costs")
    left.legend(loc="upper left")
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    right.set_ylim(0, 1.05)
    right.set_title("Traffic of the better variant")
    for axes in (left, right):
        axes.set_xlabel("requests")
    rates = " and ".join(f"{rate:.1%}" for rate in simulations[0].rates)
    ends = ", ".join(f"{each.policy} {each.regret[:, -1].mean():.0f}" for each in simulations)
    return Picture(
        made,
        f"Variants that are right in {rates} of cases, {simulations[0].requests[-1]:.0f} requests; "
        f"wrong answers that the better one alone would not have given: {ends}.",
    )
