"""``python -m benchmarks.training_loop``: print the samples of our loop and of a bare one, as JSON.

Both train the small network on the sample scans and validate after each epoch. Ours also reads
shards from disk, normalises, draws orders, logs and writes a checkpoint after each epoch.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from visionml.contracts.dataset import ManifestEntry, Split
from visionml.dataset.shards import write_shard
from visionml.model import small_cnn
from visionml.training import data
from visionml.training.checkpoint import Checkpoints
from visionml.training.hyperparameters import Hyperparameters
from visionml.training.loop import VALIDATION_BATCH, train

ROUNDS = 7
SIDE = 32
SETTINGS = Hyperparameters(
    run_id="run-20260101-000000-0000", dataset="digits", dataset_version="1", epochs=3
)


def _scans(folder: Path) -> None:
    """Write the sample scans at the size that the sample model takes, as two splits."""
    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    pixels = grey[..., np.newaxis].repeat(3, 3)
    end = len(pixels) * 7 // 10
    parts: dict[Split, slice] = {"train": slice(0, end), "validation": slice(end, None)}
    for split, part in parts.items():
        rows = [
            ManifestEntry(
                key=f"{index}",
                label=str(label),
                split=split,
                sha256="0" * 64,
                width=8,
                height=8,
                format="png",
                bytes=1,
            )
            for index, label in enumerate(digits.target[part])
        ]
        write_shard(folder / split, "part-00-00000", pixels[part], rows)


def _measured() -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        _scans(folder)
        images = data.load(
            train=folder / "train", validation=folder / "validation", image_size=SIDE
        )
        candidates = {"ours": _ours(images, folder / "checkpoints"), "limit": _bare(images)}
        samples: dict[str, list[float]] = {name: [] for name in candidates}
        for number in range(ROUNDS + 1):
            for candidate, run in candidates.items():
                began = time.perf_counter()
                run()
                rate = SETTINGS.epochs * len(images.train) / (time.perf_counter() - began)
                if number:  # the first round loads and warms
                    samples[candidate].append(rate)
    return samples


def _module() -> nn.Module:
    torch.manual_seed(0)
    return small_cnn.build(10, small_cnn.SmallCnnOptions())


def _ours(images: data.TrainingData, folder: Path) -> Callable[[], object]:
    def run() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        train(_module(), images, SETTINGS, Checkpoints(folder, {}))

    return run


def _bare(images: data.TrainingData) -> Callable[[], object]:
    pixels, targets = _tensors(images.train)
    held, wanted = _tensors(images.validation)

    def run() -> None:
        module = _module()
        optimiser = torch.optim.AdamW(module.parameters(), lr=SETTINGS.learning_rate)
        for _ in range(SETTINGS.epochs):
            module.train()
            for chosen in torch.split(torch.randperm(len(pixels)), SETTINGS.batch_size):
                loss = cross_entropy(module(pixels[chosen]), targets[chosen], label_smoothing=0.05)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            module.eval()
            with torch.no_grad():
                for part, truth in zip(
                    torch.split(held, VALIDATION_BATCH),
                    torch.split(wanted, VALIDATION_BATCH),
                    strict=True,
                ):
                    (module(part).argmax(1) == truth).sum().item()

    return run


def _tensors(split: data.Split) -> data.Batch:
    (batch,) = split.batches([np.arange(len(split))])
    return batch


if __name__ == "__main__":
    json.dump(_measured(), sys.stdout)
