"""ResNet-18 for photographs of about 224 pixels: 11.7 million parameters with 1,000 classes.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from visionml.contracts.model import IMAGE_SIZES
from visionml.model.architectures import Architecture, Options


class ResNetOptions(Options):
    """The width of the first layer, which sets all others, and the dropout before the last."""

    width: Annotated[int, Field(ge=4, le=256)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Block(nn.Module):
    """Two convolutions whose result is added to what came in."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )
        # each block begins as nothing but its shortcut: Goyal et al., 2017, arXiv:1706.02677
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, outputs, height / stride, width / stride)."""
        result = torch.relu(self.first_norm(self.first(images)))
        result = self.second_norm(self.second(result))
        return torch.relu(result + self.shortcut(images))


def build(classes: int, options: ResNetOptions) -> nn.Module:
    """Return the network with two blocks at each of four sizes."""
    width = options.width
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        layers.append(Block(inputs, outputs, stride=2 if stage else 1))
        layers.append(Block(outputs, outputs, stride=1))
        inputs = outputs
    layers += [
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(options.dropout),
        nn.Linear(inputs, classes),
    ]
    module = nn.Sequential(*layers)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return module


RESNET18 = Architecture(
    build,
    ResNetOptions,
    minimum_size=32,
    defaults={
        "image_size": IMAGE_SIZES["resnet18"],
        "epochs": 30,
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "smallest_crop": 0.35,
        "flip": 0.5,
        "colour_jitter": 0.3,
    },
)
