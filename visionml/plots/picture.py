"""What all pictures share: size, fonts, colours, and a sentence for those who cannot see them."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The Okabe-Ito colours, told apart with every kind of colour vision:
# https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, RED, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#6B7280",
)
SEQUENCE = "Blues"

_Arguments = ParamSpec("_Arguments")

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": "#E5E7EB",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


class Picture:
    """A finished figure; a notebook shows it as PNG, with its description for screen readers."""

    def __init__(self, figure: Figure, description: str) -> None:
        self.figure = figure
        self.description = description

    def __repr__(self) -> str:
        return f"<Picture: {self.description}>"

    def png(self, *, dots_per_inch: int = 144) -> bytes:
        """Return the picture as a PNG file's bytes."""
        buffer = io.BytesIO()
        with rc_context(_STYLE):
            self.figure.savefig(buffer, format="png", dpi=dots_per_inch, bbox_inches="tight")
        return buffer.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, object]]:
        width = int(self.figure.get_figwidth() * 96)
        return self.png(), {"alt": self.description, "width": width}


def styled(draw: Callable[_Arguments, Picture]) -> Callable[_Arguments, Picture]:
    """Let a function draw in the common style."""

    @wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Picture:
        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def figure(
    *,
    width: float = 7.5,
    height: float = 4.0,
    rows: int = 1,
    columns: int = 1,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, row by row; sizes in inches, `heights` relative."""
    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.subplots(rows, columns, squeeze=False, height_ratios=heights)
    return made, [axis for row in axes for axis in row]


def bare(axes: Axes) -> None:
    """Take frame and ticks off, for axes that show an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
