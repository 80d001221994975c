"""Pictures of an evaluation report."""

from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from visionml.contracts.evaluation import EvaluationReport
from visionml.plots.picture import BLUE, ORANGE, RED, SEQUENCE, Picture, figure, styled


@styled
def confusion(report: EvaluationReport) -> Picture:
    """Show which classes were taken for which; the rows are the true ones."""
    classes = list(report.classes)
    counts = np.asarray(report.confusion)
    side = min(7.5, 2.2 + 0.42 * len(classes))
    made, (axes,) = figure(width=side + 0.6, height=side)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = axes.imshow(shares, cmap=SEQUENCE, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else RED if row != column else "black"
            style: Any = {"ha": "center", "va": "center", "fontsize": 9, "color": colour}
            axes.text(column, row, str(count), **style)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title("Holdout images by true and predicted class")
    bar = made.colorbar(shown, ax=axes, shrink=0.8, format=PercentFormatter(xmax=1, decimals=0))
    bar.set_label("share of the true class")
    wrong = report.images - int(np.trace(counts))
    return Picture(made, f"Confusion matrix: {wrong} of {report.images} images misread.")


@styled
def class_figures(report: EvaluationReport) -> Picture:
    """Show precision and recall of every class."""
    made, (axes,) = figure(height=3.0)
    classes = list(report.classes)
    place = np.arange(len(classes))
    precision = [report.classes[name].precision for name in classes]
    recall = [report.classes[name].recall for name in classes]
    axes.bar(place - 0.2, precision, width=0.38, color=BLUE, label="precision")
    axes.bar(place + 0.2, recall, width=0.38, color=ORANGE, label="recall")
    axes.set_xticks(place, classes)
    lowest = min([*precision, *recall])
    axes.set_ylim(max(0.0, np.floor(lowest * 20 - 1) / 20), 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlabel("class")
    axes.set_ylabel("share")
    axes.set_title("Precision and recall by class (the axis does not start at 0)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return Picture(made, f"Precision and recall by class; the lowest figure is {lowest:.1%}.")
