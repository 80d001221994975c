"""Pictures of a search for hyperparameters."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREY, ORANGE, Picture, figure, styled

NOT_SEARCHED = ("objective", "status", "seconds", "training job")
"""The columns of a search's table that are no hyperparameters."""

_LOGARITHMIC_FROM = 20


@styled
def search(jobs: pd.DataFrame, *, objective: str) -> Picture:
    """Show each job's objective in order with the best so far, and against each hyperparameter.

    `jobs` has a row per training job and the columns ``objective`` and one per hyperparameter.

    Raises
    ------
    NotFound
        No job has a result.
    """
    known = jobs.dropna(subset=["objective"])
    if known.empty:
        raise NotFound("No job of this search has a result.", hint="See why in a job's log.")
    searched = [name for name in jobs.columns if name not in NOT_SEARCHED]
    columns = 1 + len(searched)
    made, every = figure(width=max(5.0, 3.0 * columns), height=3.2, columns=columns)
    best = known["objective"].idxmax()
    _in_order(every[0], known)
    for axes, name in zip(every[1:], searched, strict=True):
        _against(axes, known, name)
    for axes in every:
        axes.sharey(every[0])
        axes.grid(visible=True, axis="y")
        axes.set_axisbelow(True)
    if known["objective"].between(0, 1).all():
        every[0].yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    every[0].set_ylabel(objective.replace("_", " "))
    every[0].legend(loc="best")
    chosen = ", ".join(f"{name} {_text(known.loc[best, name])}" for name in searched)
    return Picture(
        made,
        f"{len(known)} jobs; the best, job {best}, reached a {objective.replace('_', ' ')} of "
        f"{known.loc[best, 'objective']:.4f} with {chosen}.",
    )


def _in_order(axes: Axes, known: pd.DataFrame) -> None:
    best = known["objective"].cummax()
    axes.step(known.index, best, where="post", color=ORANGE, label="best so far")
    axes.plot(known.index, known["objective"], "o", color=BLUE, label="job")
    axes.set_xlabel("job, in order")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("The search")


def _against(axes: Axes, known: pd.DataFrame, name: str) -> None:
    values: Any = known[name]
    numeric = pd.api.types.is_numeric_dtype(values)
    shown = values if numeric else values.astype(str)
    axes.plot(shown, known["objective"], "o", color=BLUE)
    best = known["objective"].idxmax()
    axes.plot([shown[best]], [known["objective"][best]], "o", color=ORANGE, markersize=8)
    axes.annotate(
        *(f"job {best}", (shown[best], known["objective"][best])),
        xytext=(0, -14),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=GREY,
    )
    if numeric and values.min() > 0 and values.max() / values.min() >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
    axes.set_xlabel(name.replace("_", " "))
    axes.set_title(f"By {name.replace('_', ' ')}")
    axes.tick_params(labelleft=False)


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
