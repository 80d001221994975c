"""Shards as batches of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from visionml.contracts.model import InputRecord
from visionml.dataset.shards import Shards
from visionml.errors import DatasetInvalid
from visionml.model.transforms import MEAN, STD, normalise

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (n, 3, height, width) as float32, and class numbers (n) as int64."""


@dataclass(frozen=True)
class Split:
    """One side of the data; class numbers index the sorted labels of the training side."""

    shards: Shards
    targets: NDArray[np.int64]
    input: InputRecord

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, order: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
        """Yield the images of `order` in batches whose sizes differ by one at most.

        No batch is much smaller than the others, so that batch normalisation always has enough.
        """
        for indices in np.array_split(order, -(-len(order) // batch_size)):
            images = normalise(self.shards.pixels(indices), self.input)
            yield torch.from_numpy(images), torch.from_numpy(self.targets[indices])


@dataclass(frozen=True)
class TrainingData:
    """Both sides that a training job sees; the holdout is not among them."""

    train: Split
    validation: Split
    classes: tuple[str, ...]
    input: InputRecord


def load(*, train: Path, validation: Path, image_size: int) -> TrainingData:
    """Open both channels and check that they fit together.

    Raises
    ------
    DatasetInvalid
        A channel is empty or damaged, holds images of another size, or validation knows a
        class that training does not.
    """
    sides = {"train": Shards(train), "validation": Shards(validation)}
    for name, side in sides.items():
        if (side.height, side.width) != (image_size, image_size):
            raise DatasetInvalid(
                f"The channel {name} holds images of {side.width}x{side.height} pixels, "
                f"but image_size is {image_size}.",
                hint="Prepare the dataset version for this image_size.",
            )
    classes = tuple(sorted(set(sides["train"].labels)))
    if len(classes) < 2:
        raise DatasetInvalid(
            f"There is only one class, {classes[0]!r}: nothing can be learnt from it.",
            hint="Import a dataset of at least two classes.",
        )
    record = InputRecord(height=image_size, width=image_size, mean=MEAN, std=STD)
    number = {label: index for index, label in enumerate(classes)}
    unknown = sorted(set(sides["validation"].labels) - number.keys())
    if unknown:
        raise DatasetInvalid(
            f"Validation holds classes that training does not: {', '.join(unknown)}.",
            hint="Use splits of one dataset version.",
        )
    splits = {
        name: Split(side, np.array([number[label] for label in side.labels], np.int64), record)
        for name, side in sides.items()
    }
    return TrainingData(splits["train"], splits["validation"], classes, record)
