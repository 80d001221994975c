"""Pictures of a dataset's balance and of how a model learnt."""

import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from visionml.contracts.dataset import SPLITS
from visionml.plots.picture import BLUE, GREEN, GREY, ORANGE, Picture, figure, styled


@styled
def class_balance(counts: pd.DataFrame) -> Picture:
    """Show how many images of each class lie on each side of the split.

    `counts` has a row per class and the columns train, validation and holdout.
    """
    made, (axes,) = figure(height=3.0)
    classes = [str(name) for name in counts.index]
    below = pd.Series(0, index=counts.index)
    for split, colour in zip(SPLITS, (BLUE, ORANGE, GREEN), strict=True):
        values = counts[split]
        axes.bar(classes, values, bottom=below, color=colour, label=split, width=0.75)
        below = below + values
    axes.set_xlabel("class")
    axes.set_ylabel("images")
    axes.set_title(f"{int(below.sum()):,} images, {len(classes)} classes")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    fewest, most = int(below.min()), int(below.max())
    return Picture(made, f"Images by class and split: between {fewest} and {most} per class.")


@styled
def learning_curves(history: pd.DataFrame, *, gate: float | None = None) -> Picture:
    """Show loss and accuracy by epoch.

    `history` is indexed by epoch and has the columns train_loss, validation_loss and
    validation_accuracy; `gate` is the accuracy that a model must reach.
    """
    made, (left, right) = figure(height=3.2, columns=2)
    left.plot(history.index, history["train_loss"], "o-", color=BLUE, label="train")
    left.plot(history.index, history["validation_loss"], "s--", color=ORANGE, label="validation")
    left.set_ylabel("cross-entropy loss")
    left.set_ylim(bottom=0)
    left.set_title("Loss")
    left.legend()
    right.plot(
        history.index, history["validation_accuracy"], "s--", color=ORANGE, label="validation"
    )
    if gate is not None:
        right.axhline(gate, color=GREY, linewidth=1, linestyle=":", label=f"gate, {gate:.0%}")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    right.set_title("Accuracy")
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, axis="y")
        axes.set_axisbelow(True)
    best = history["validation_accuracy"].max()
    return Picture(
        made, f"Loss and accuracy over {len(history)} epochs; best validation accuracy {best:.1%}."
    )
