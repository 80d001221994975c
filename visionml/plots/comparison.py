"""A picture of a model beside the one that serves."""

from textwrap import wrap

from matplotlib.ticker import MaxNLocator, PercentFormatter

from visionml.contracts.evaluation import EvaluationReport
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, Picture, figure, styled


@styled
def champion(report: EvaluationReport) -> Picture:
    """Show who alone was right how often, and how large the difference may be.

    Of two models that cannot be compared, or where no model served, it says so.
    """
    found = report.comparison
    if found is None:
        return _told(f"{report.model_version} was compared with no serving model.")
    if found.difference is None or found.low is None or found.high is None:
        return _told(found.reason)
    made, (left, right) = figure(height=2.6, columns=2)
    left.barh(
        ["serving model", "new model"],
        [found.losses or 0, found.wins or 0],
        color=[GREY, BLUE],
        height=0.55,
    )
    for row, count in enumerate((found.losses or 0, found.wins or 0)):
        left.text(count, row, f" {count}", va="center")
    left.set_xlabel("images that it alone read rightly")
    left.set_title("Where they disagree")
    left.margins(x=0.15)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.axvline(0, color=GREY, linestyle="--")
    spread = [[found.difference - found.low], [found.high - found.difference]]
    colour = GREEN if found.better else ORANGE
    right.errorbar([found.difference], [0], xerr=spread, color=colour, marker="o", capsize=4)
    right.set_yticks([])
    right.set_ylim(-1, 1)
    right.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    right.set_xlabel("difference of the accuracies, with its 95 % interval")
    right.set_title("Better beyond noise?" if not found.better else "Better beyond noise")
    return Picture(made, found.reason)


def _told(reason: str) -> Picture:
    made, (axes,) = figure(height=0.8)
    axes.set_axis_off()
    axes.text(0, 0.5, "\n".join(wrap(reason, 90)), va="center", color=GREY)
    return Picture(made, reason)
