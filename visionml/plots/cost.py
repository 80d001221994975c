"""Pictures of a month's bill: what each stack costs, and what each switch saves."""

from collections.abc import Sequence

import pandas as pd

from visionml.economics.switches import Saving
from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, Picture, figure, styled


@styled
def month(by: pd.DataFrame) -> Picture:
    """Show what the parts of a bill cost, with their ranges.

    Parameters
    ----------
    by
        ``usd``, ``low_usd`` and ``high_usd``, by stack or by service.

    Raises
    ------
    NotFound
        Nothing costs anything.
    """
    shown = by[by["usd"] >= 0.005].sort_values("usd")
    if shown.empty:
        raise NotFound("Nothing costs anything, so there is nothing to draw.")
    made, (axes,) = figure(height=0.8 + 0.32 * len(shown))
    below, above = shown["usd"] - shown["low_usd"], shown["high_usd"] - shown["usd"]
    axes.barh(
        shown.index,
        shown["usd"],
        color=BLUE,
        xerr=[below.clip(lower=0), above.clip(lower=0)],
        error_kw={"ecolor": GREY, "capsize": 3},
    )
    axes.set_xscale("log")
    axes.set_xlabel("US dollars a month (logarithmic)")
    axes.set_title(f"What a month costs, by {shown.index.name}")
    most = shown.iloc[-1]
    total = shown["usd"].sum()
    return Picture(
        made,
        f"A month costs ${total:,.0f}; {most.name} is the largest part with ${most['usd']:,.0f}. "
        "Lines show the range from cheap to dear assumptions.",
    )


@styled
def switches(savings: Sequence[Saving]) -> Picture:
    """Show what each switch saves in a month, those that are on apart from those that are not.

    Raises
    ------
    NotFound
        There is no switch.
    """
    if not savings:
        raise NotFound("There is no switch to draw.")
    ordered = sorted(savings, key=lambda saving: saving.saves_usd)
    made, (axes,) = figure(height=0.9 + 0.32 * len(ordered))
    colours = [GREEN if each.on else ORANGE for each in ordered]
    axes.barh(
        [each.switch for each in ordered], [each.saves_usd for each in ordered], color=colours
    )
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_xscale("symlog", linthresh=10)
    for colour, label in ((GREEN, "on: saves this"), (ORANGE, "off: would save this")):
        axes.barh([ordered[0].switch], [0], color=colour, label=label)
    axes.legend(loc="lower right")
    axes.set_xlabel("US dollars saved a month (logarithmic beyond 10; negative: costs more)")
    axes.set_title("What switches save")
    best = ordered[-1]
    return Picture(
        made,
        f"{best.switch} saves most, ${best.saves_usd:,.0f} a month; "
        f"{sum(each.saves_usd < 0 for each in ordered)} of {len(ordered)} switches cost more "
        "than they save at this load.",
    )
