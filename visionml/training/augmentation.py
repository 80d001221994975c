"""Random changes to training images: crops, mirror images, colours.

What happens to an image follows from the seed, the epoch and its place in the epoch alone, so
that resumed runs, and runs of several processes, see the same images.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import affine_grid, grid_sample

from visionml.contracts.model import InputRecord
from visionml.training.hyperparameters import Hyperparameters

WIDEST = 4 / 3
"""The largest ratio of a crop's sides, as in Szegedy et al., 2015, arXiv:1409.4842."""
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Changes:
    """What is to be done to each image of an epoch, by its place in it; None for nothing.

    ``boxes`` (n, 4) is the half width and height of the crop and its centre, in units of half
    the image; a negative half width mirrors. ``colours`` (n, 3) is the factors of brightness,
    contrast and saturation.
    """

    boxes: Floats | None
    colours: Floats | None

    @classmethod
    def drawn(cls, count: int, settings: Hyperparameters, random: np.random.Generator) -> "Changes":
        """Return the changes of an epoch of `count` images."""
        boxes = _boxes(count, settings, random)
        colours = random.uniform(-1, 1, (count, 3)) * settings.colour_jitter + 1
        return cls(
            boxes.astype(np.float32) if settings.smallest_crop < 1 or settings.flip else None,
            colours.astype(np.float32) if settings.colour_jitter else None,
        )

    def applied(
        self, images: torch.Tensor, places: NDArray[np.int64], record: InputRecord
    ) -> torch.Tensor:
        """Return normalised `images` (n, 3, height, width) as changed at these places."""
        if self.boxes is not None:
            images = cropped(images, _at(self.boxes, places, images))
        if self.colours is not None:
            images = recoloured(images, _at(self.colours, places, images), record)
        return images


def _boxes(count: int, settings: Hyperparameters, random: np.random.Generator) -> Floats:
    widest = np.log(WIDEST) if settings.smallest_crop < 1 else 0
    area = random.uniform(settings.smallest_crop, 1, count)
    ratio = np.exp(random.uniform(-widest, widest, count))
    halves = np.minimum(np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], 1), 1)
    centres = random.uniform(-1, 1, (count, 2)) * (1 - halves)
    halves[random.random(count) < settings.flip, 0] *= -1
    return np.concatenate([halves, centres], 1)


def _at(values: Floats, places: NDArray[np.int64], images: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(values[places]).to(images.device)


def cropped(images: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return each image's box, enlarged to the size of the image."""
    width, height, x, y = boxes.unbind(1)
    zero = torch.zeros_like(x)
    rows = [torch.stack([width, zero, x], 1), torch.stack([zero, height, y], 1)]
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


def recoloured(images: torch.Tensor, colours: torch.Tensor, record: InputRecord) -> torch.Tensor:
    """Return the images with other brightness, contrast and saturation, within what pixels hold."""
    shape = (1, 3, 1, 1)
    mean, std = (
        images.new_tensor(record.mean).view(shape),
        images.new_tensor(record.std).view(shape),
    )
    brightness, contrast, saturation = (each.view(-1, 1, 1, 1) for each in colours.unbind(1))
    pixels = (images * std + mean) * brightness
    grey = (pixels * pixels.new_tensor(_GREY).view(shape)).sum(1, keepdim=True)
    average = grey.mean((2, 3), keepdim=True)
    # contrast spreads around the average grey, saturation around each pixel's own grey
    pixels = average + contrast * (grey + saturation * (pixels - grey) - average)
    return (pixels.clamp(0, 1) - mean) / std
