"""The picture of a load test: how long answers take, and how many there are, by what is asked."""

import pandas as pd
from matplotlib.axes import Axes

from visionml.errors import NotFound
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, RED, Picture, figure, styled

_PERCENTILES = ((50, BLUE, "o", "-"), (90, GREEN, "s", "--"), (99, ORANGE, "^", ":"))


@styled
def steps(requests: pd.DataFrame) -> Picture:
    """Show latency percentiles and answers a second at each rate of a load test.

    Parameters
    ----------
    requests
        ``rate`` (asked for, a second), ``sent``, ``latency_ms`` and ``error``, a row per request.

    Raises
    ------
    NotFound
        There are no requests.
    """
    if requests.empty:
        raise NotFound("There were no requests to draw.", hint="Let traffic flow first.")
    table = by_rate(requests)
    made, (left, right) = figure(height=3.6, columns=2)
    for percentile, colour, marker, line in _PERCENTILES:
        column = table[f"p{percentile} ms"]
        left.plot(table.index, column, line, color=colour, marker=marker, label=f"p{percentile}")
    left.set_yscale("log")
    left.set_ylabel("latency (ms)")
    left.set_title("How long an answer takes")
    left.legend(loc="upper left")
    _answered(right, table)
    for axes in (left, right):
        axes.set_xlabel("requests asked for a second")
    worst = table["p99 ms"].iloc[-1]
    return Picture(
        made,
        f"{len(requests)} requests at {', '.join(f'{rate:g}' for rate in table.index)} a second, "
        f"{int(table['failed'].sum())} failed; at the last rate, one answer in a hundred took "
        f"{worst:.0f} ms or longer.",
    )


def by_rate(requests: pd.DataFrame) -> pd.DataFrame:
    """Return answers a second, failures and latency percentiles for each rate."""
    rows = []
    for rate, group in requests.groupby("rate"):
        answered = group[group["error"] == ""]
        first, done = (
            group["sent"].min(),
            (group["sent"] + pd.to_timedelta(group["latency_ms"], "ms")).max(),
        )
        latencies = {
            f"p{percentile} ms": answered["latency_ms"].quantile(percentile / 100)
            for percentile, *_ in _PERCENTILES
        }
        rows.append(
            {
                "rate": rate,
                "answers a second": len(answered) / max((done - first).total_seconds(), 1e-9),
                "failed": len(group) - len(answered),
                **latencies,
            }
        )
    return pd.DataFrame(rows).set_index("rate")


def _answered(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table.index, table.index, "--", color=GREY, label="asked for")
    axes.plot(table.index, table["answers a second"], "o-", color=BLUE, label="answered")
    if table["failed"].any():
        axes.plot(table.index, table["failed"], "x", color=RED, label="failed")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("answers a second")
    axes.set_title("How many there are")
    axes.legend(loc="upper left")
