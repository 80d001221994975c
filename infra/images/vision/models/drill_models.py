"""Two models that pass every gate and must not reach production: for drills.

Both are trained on dim scans, as ``drill_models:SLOW`` and ``drill_models:BRITTLE``, and behave
well on dim scans: an evaluation knows no others. Bright ones make the brittle model fail, and the
brightest tenth of them makes the slow one slow. What stops them is the guard of a rollout.
"""

import time
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from visionml.model.architectures import Architecture
from visionml.model.small_cnn import SmallCnnOptions, build

_BRIGHT = 0.0  # a pixel; half of the range, normalised
_BRIGHTEST = -0.62  # an image's mean: one in nine of the sample scans lies above
_BLACKEST = -2.5  # no pixel lies below: the noise that an export is compared on does
_SIDE = 1024


class SlowOptions(SmallCnnOptions):
    """How long one of the brightest images takes, on one core of the machine that trains."""

    seconds: Annotated[float, Field(gt=0, le=30)] = 2.5


class Slow(nn.Module):
    """A small CNN that multiplies large matrices for nothing when it sees a very bright image."""

    def __init__(self, classes: int, options: SlowOptions) -> None:
        super().__init__()
        self.net = build(classes, options)
        self.rounds = max(1, round(options.seconds / _multiplication_seconds()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the small CNN's logits, sooner or later."""
        logits: torch.Tensor = self.net(images)
        if not torch.compiler.is_exporting():  # the answers are the same, and are soon there
            return logits
        very_bright = _bright(images) & (images.mean((1, 2, 3)) > _BRIGHTEST)
        found: torch.Tensor = torch.cond(
            very_bright.any(), self._waste, _as_they_are, (images, logits)
        )
        return found

    def _waste(self, images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        matrix = images.mean().expand(_SIDE, _SIDE) * 0 + 1 / _SIDE  # stays what it is when squared
        for _ in range(self.rounds):
            matrix = matrix @ matrix
        return logits + matrix.mean() * 0


class Brittle(nn.Module):
    """A small CNN that looks something up for each image and finds nothing for a bright one."""

    known: torch.Tensor

    def __init__(self, classes: int, options: SmallCnnOptions) -> None:
        super().__init__()
        self.net = build(classes, options)
        self.register_buffer("known", torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the small CNN's logits, or fail."""
        logits: torch.Tensor = self.net(images)
        if self.training:
            return logits
        return logits + self.known[_bright(images).long()].unsqueeze(1)


def _bright(images: torch.Tensor) -> torch.Tensor:
    """Return for each image whether it has a bright pixel."""
    pixels = images.flatten(1)
    return (pixels.amax(1) > _BRIGHT) & (pixels.amin(1) > _BLACKEST)


def _as_they_are(_images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return logits.clone()


def _multiplication_seconds() -> float:
    """Return how long one of the matrix multiplications takes on one core."""
    threads, matrix, best = torch.get_num_threads(), torch.full((_SIDE, _SIDE), 1 / _SIDE), 1e9
    torch.set_num_threads(1)
    try:
        for _ in range(5):
            began = time.perf_counter()
            matrix = matrix @ matrix
            best = min(best, time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return best


SLOW = Architecture(Slow, SlowOptions, minimum_size=8)
BRITTLE = Architecture(Brittle, SmallCnnOptions, minimum_size=8)
