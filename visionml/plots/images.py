"""Pictures of images: samples, errors, one served answer."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from visionml.contracts.evaluation import Misread
from visionml.contracts.inference import ContainerPrediction
from visionml.plots.picture import BLUE, GREY, RED, SKY, Picture, bare, figure, styled


@styled
def sample_grid(images: Sequence[tuple[str, bytes]], *, title: str, columns: int = 10) -> Picture:
    """Show encoded images, each under its label."""
    rows = ceil(len(images) / columns)
    made, axes = figure(width=7.5, height=0.35 + 0.92 * rows, rows=rows, columns=columns)
    for axis in axes:
        bare(axis)
    for axis, (label, content) in zip(axes, images, strict=False):
        show(axis, content)
        axis.set_title(label, fontsize=9, fontweight="normal", loc="center", pad=2)
    made.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    labels = sorted({label for label, _ in images})
    return Picture(made, f"{title}: {len(images)} images of the classes {', '.join(labels)}.")


@styled
def misread(errors: Sequence[tuple[Misread, bytes]], *, title: str, columns: int = 6) -> Picture:
    """Show the images that a model read wrongly: what it is, what was said, how sure."""
    rows = max(1, ceil(len(errors) / columns))
    made, axes = figure(width=7.5, height=0.5 + 1.55 * rows, rows=rows, columns=columns)
    for axis in axes:
        bare(axis)
    for axis, (error, content) in zip(axes, errors, strict=False):
        show(axis, content)
        axis.set_title(f"is {error.label}", fontsize=9, fontweight="normal", loc="center", pad=2)
        axis.set_xlabel(
            f"read as {error.predicted}\n{error.probability:.0%} sure", fontsize=8.5, color=RED
        )
    if not errors:
        axes[0].text(0, 0.5, "None: every image was read rightly.", color=GREY)
    made.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    told = ", ".join(f"{error.label} read as {error.predicted}" for error, _ in errors)
    return Picture(made, f"{title}: {told or 'none'}.")


@styled
def answer(image: bytes, prediction: ContainerPrediction, *, most: int = 10) -> Picture:
    """Show an image beside the probabilities that were answered for it."""
    made, (left, right) = figure(width=7.5, height=2.9, columns=2)
    bare(left)
    show(left, image)
    left.set_title("What was sent")
    ranked = _ranked(prediction.probabilities, most)
    colours = [BLUE if label == prediction.label else SKY for label in ranked]
    right.barh(list(ranked), list(ranked.values()), color=colours)
    right.set_xlim(0, 1)
    right.set_xlabel("probability")
    right.set_ylabel("class")
    right.set_title(f"What was answered: {prediction.label} ({prediction.probability:.1%})")
    return Picture(
        made,
        f"An image and the answer to it: {prediction.label} with a probability of "
        f"{prediction.probability:.1%}.",
    )


def _ranked(probabilities: Mapping[str, float], most: int) -> dict[str, float]:
    best = sorted(probabilities, key=lambda label: -probabilities[label])[:most]
    return {label: probabilities[label] for label in sorted(best, reverse=True)}


def show(
    axes: Axes, content: bytes, *, extent: tuple[float, float, float, float] | None = None
) -> None:
    """Put an encoded image into axes; `extent` is left, right, bottom and top."""
    with Image.open(BytesIO(content)) as image:
        shown = np.asarray(image.convert("RGB"))
    smooth = "nearest" if max(shown.shape) < 64 else "antialiased"
    axes.imshow(shown, interpolation=smooth, extent=extent)
