"""Shards as batches of tensors."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from visionml.contracts.model import InputRecord
from visionml.dataset.shards import Shards
from visionml.errors import DatasetInvalid
from visionml.model.transforms import MEAN, STD, normalise

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (n, 3, height, width) as float32, and class numbers (n) as int64."""

_T = TypeVar("_T")
_END = object()


@dataclass(frozen=True)
class Split:
    """One side of the data; class numbers index the sorted labels of the training side."""

    shards: Shards
    targets: NDArray[np.int64]
    input: InputRecord

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, parts: Iterable[NDArray[np.int64]]) -> Iterator[Batch]:
        """Yield the images at each part's indices, in their order."""
        for indices in parts:
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


def ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Yield the items; a thread makes the next one while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]
