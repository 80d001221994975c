"""A small convolutional network: 61,000 parameters, learns 32-pixel scans in seconds on a CPU."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from visionml.contracts.model import IMAGE_SIZES
from visionml.model.architectures import Architecture, Options


class SmallCnnOptions(Options):
    """The width of the first layer, which sets all others, and the dropout before the last."""

    width: Annotated[int, Field(ge=4, le=256)] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    pooling: Literal["mean", "both"] = "mean"
    """What is kept of each feature: its mean over the image, or beside it its strongest place.

    Things that cover a part of the picture only are found sooner with ``both``.
    """


class MeanAndStrongest(nn.Module):
    """The mean and the maximum of each feature over the image, (n, 2 x features)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return both for features (n, features, height, width)."""
        return torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)


def build(classes: int, options: SmallCnnOptions) -> nn.Module:
    """Return four convolutions with batch normalisation, averaged over the image, and a layer."""
    width = options.width
    both = options.pooling == "both"
    pooled = (MeanAndStrongest(),) if both else (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(
        *_convolution(3, width, stride=2),
        *_convolution(width, 2 * width),
        nn.MaxPool2d(2),
        *_convolution(2 * width, 4 * width),
        nn.MaxPool2d(2),
        *_convolution(4 * width, 4 * width),
        *pooled,
        nn.Dropout(options.dropout),
        nn.Linear((8 if both else 4) * width, classes),
    )


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


SMALL_CNN = Architecture(
    build, SmallCnnOptions, minimum_size=8, defaults={"image_size": IMAGE_SIZES["small-cnn"]}
)
