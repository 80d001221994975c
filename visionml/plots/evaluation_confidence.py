"""Pictures of how far a model's confidence can be trusted."""

from matplotlib.ticker import PercentFormatter

from visionml.contracts.evaluation import EvaluationReport
from visionml.errors import InvalidInput
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, Picture, figure, styled

_AGAIN = "The report is of an earlier release; evaluate the model again."


@styled
def reliability(report: EvaluationReport) -> Picture:
    """Show how often the model is right at each confidence; ideally as often as it says.

    Raises
    ------
    InvalidInput
        The report has no calibration.
    """
    if report.calibration is None:
        raise InvalidInput(f"The calibration of {report.model_version} is unknown.", hint=_AGAIN)
    bins = report.calibration.bins
    confidence, accuracy = [b.confidence for b in bins], [b.accuracy for b in bins]
    spread = [[b.accuracy - b.low for b in bins], [b.high - b.accuracy for b in bins]]
    made, (axes,) = figure(width=5.5, height=4.5)
    lowest = min([*confidence, *(b.low for b in bins)])
    axes.plot([lowest, 1], [lowest, 1], color=GREY, linestyle="--", label="as promised")
    axes.errorbar(
        *(confidence, accuracy, spread),
        color=BLUE,
        marker="o",
        capsize=3,
        label="holdout, with 95 % intervals",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_title("Does the model know what it knows?")
    axes.legend(loc="best")
    error = report.calibration.ece
    return Picture(
        made,
        f"Accuracy by confidence in {len(bins)} bins of the holdout; the expected calibration "
        f"error is {error:.3f}.",
    )


@styled
def abstention(report: EvaluationReport) -> Picture:
    """Show what abstaining buys: accuracy of the answered images against their share.

    Raises
    ------
    InvalidInput
        The report has no such curve.
    """
    if not report.threshold_curve:
        raise InvalidInput(f"The curve of {report.model_version} is unknown.", hint=_AGAIN)
    coverage = [point.coverage for point in report.threshold_curve]
    accuracy = [point.accuracy for point in report.threshold_curve]
    made, (axes,) = figure(width=6.5, height=4.0)
    axes.plot(coverage, accuracy, color=BLUE, marker=".", label="holdout")
    told = f"Accuracy of the answered images: {accuracy[0]:.2%} when all are answered"
    chosen, effect = report.threshold, report.at_threshold
    if chosen and effect and effect.accuracy is not None:
        axes.axhline(chosen.target_accuracy, color=GREY, linestyle="--", label="target")
        axes.plot(
            *([effect.coverage], [effect.accuracy]),
            color=ORANGE if effect.accuracy < chosen.target_accuracy else GREEN,
            marker="o",
            linestyle="none",
            label=f"threshold {chosen.value:.3f}, chosen on validation",
        )
        told += (
            f", {effect.accuracy:.2%} for the {effect.coverage:.1%} at a confidence of "
            f"{chosen.value:.3f} or more"
        )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.set_xlabel("share of images that is answered")
    axes.set_ylabel("accuracy of the answered ones")
    axes.set_title("What abstaining buys")
    axes.legend(loc="best")
    return Picture(made, f"{told}.")
