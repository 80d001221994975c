"""Pictures of where a model is weak, and of what its gates said."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from visionml.contracts.evaluation import EvaluationReport, GateResult, Verdict
from visionml.errors import InvalidInput
from visionml.plots.picture import BLUE, GREEN, GREY, RED, Picture, figure, styled


@styled
def slices(report: EvaluationReport) -> Picture:
    """Show the accuracy within quarters of the holdout, with 95 % intervals.

    Raises
    ------
    InvalidInput
        The report has no slices.
    """
    if not report.slices:
        raise InvalidInput(
            f"The report of {report.model_version} has no slices.",
            hint="It is of an earlier release; evaluate the model again.",
        )
    made, every = figure(width=3.5 * len(report.slices), height=3.4, columns=len(report.slices))
    parts = [part for found in report.slices.values() for part in found]
    lowest = min(part.low for part in parts)
    for axes, (measure, found) in zip(every, report.slices.items(), strict=True):
        place = np.arange(len(found))
        accuracy = [part.accuracy for part in found]
        spread = [[p.accuracy - p.low for p in found], [p.high - p.accuracy for p in found]]
        axes.errorbar(place, accuracy, spread, color=BLUE, marker="o", linestyle="", capsize=3)
        axes.axhline(report.accuracy, color=GREY, linestyle="--", linewidth=1)
        axes.set_xticks(place, [f"{part.name}\n({part.images})" for part in found], fontsize=8)
        axes.set_xlim(-0.5, len(found) - 0.5)
        axes.set_ylim(max(0.0, lowest - 0.02), 1.002)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xlabel(measure)
        axes.set_title(f"Accuracy by {measure}")
    every[0].set_ylabel("accuracy")
    worst = min(parts, key=lambda part: part.accuracy)
    return Picture(
        made,
        f"Accuracy by {', '.join(report.slices)} of the holdout images; lowest "
        f"{worst.accuracy:.1%} in the slice {worst.name}, {report.accuracy:.1%} over all.",
    )


@styled
def gates(verdict: Verdict) -> Picture:
    """Show each gate's figure beside its threshold; 1 on the axis is the threshold itself."""
    measured = [gate for gate in verdict.gates if gate.value is not None]
    made, (axes,) = figure(height=0.5 + 0.45 * max(1, len(measured)))
    for row, gate in enumerate(reversed(measured)):
        colour = GREEN if gate.passed else RED
        axes.barh(row, _ratio(gate), height=0.6, color=colour)
        wanted = "at least" if gate.bound == "minimum" else "at most"
        text = f" {gate.value:.4g} ({wanted} {gate.threshold:.4g})"
        axes.text(_ratio(gate), row, text, va="center", fontsize=9)
    axes.axvline(1, color=GREY, linestyle="--")
    axes.set_yticks(range(len(measured)), [gate.gate for gate in reversed(measured)])
    axes.set_xlim(0, max([1.0, *(_ratio(gate) for gate in measured)]) * 1.3)
    axes.set_xlabel("figure divided by its threshold")
    axes.set_title("What the gates asked for, and what they got")
    failed = [gate.gate for gate in verdict.gates if not gate.passed]
    told = f"failed: {', '.join(failed)}" if failed else "all passed"
    return Picture(made, f"{len(verdict.gates)} gates, {told}.")


def _ratio(gate: GateResult) -> float:
    value = gate.value or 0.0
    return min(value / gate.threshold, 3.0) if gate.threshold else 1.0
