"""The training loop: cross-entropy, AdamW, warm-up and cosine decay, the best epoch kept.

Everything random in an epoch follows from the seed and the epoch's number. So two runs with one
seed are equal, and so is a run that was interrupted and resumed.
"""

import logging
import math
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from visionml.errors import JobFailed
from visionml.training.checkpoint import Checkpoints
from visionml.training.data import Split, TrainingData
from visionml.training.hyperparameters import Hyperparameters

WARM_UP = 0.2  # share of all steps
VALIDATION_BATCH = 256

log = logging.getLogger(__name__)


def train(
    module: nn.Module, data: TrainingData, settings: Hyperparameters, checkpoints: Checkpoints
) -> dict[str, float]:
    """Train `module` in place, leave the best epoch's weights in it, and return their metrics.

    Raises
    ------
    JobFailed
        The loss is no longer a number.
    """
    optimiser = torch.optim.AdamW(
        module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    state = checkpoints.load()
    if state.epoch:
        module.load_state_dict(state.module)
        optimiser.load_state_dict(state.optimiser)
    for epoch in range(state.epoch, settings.epochs):
        started = time.perf_counter()
        metrics = {"epoch": epoch + 1.0}
        metrics["train_loss"] = _epoch(module, optimiser, data.train, settings, epoch)
        metrics |= validate(module, data.validation)
        state.keep(metrics, module, optimiser)
        checkpoints.save(state)
        log.info(progress(metrics, seconds=time.perf_counter() - started))
    module.load_state_dict(state.best)
    return state.metrics


def _epoch(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    split: Split,
    settings: Hyperparameters,
    epoch: int,
) -> float:
    """Go once through the images in a new order; return the mean loss of an image."""
    draws = np.random.SeedSequence([settings.seed, epoch])
    torch.manual_seed(int(draws.generate_state(1)[0]))
    order = np.random.default_rng(draws).permutation(len(split))
    device = next(module.parameters()).device
    total = torch.zeros((), device=device)
    steps = -(-len(split) // settings.batch_size)
    module.train()
    for step, (images, targets) in enumerate(split.batches(order, settings.batch_size)):
        done = (epoch + step / steps) / settings.epochs
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * schedule(done)
        loss = cross_entropy(
            module(images.to(device)), targets.to(device), label_smoothing=settings.label_smoothing
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.detach() * len(targets)
    mean = total.item() / len(split)
    if not math.isfinite(mean):
        raise JobFailed(
            f"The training loss became {mean} in epoch {epoch + 1}: training diverged.",
            hint=f"Lower learning_rate, which is {settings.learning_rate:g}.",
        )
    return mean


def schedule(done: float) -> float:
    """Return the share of the highest learning rate at a share of all steps."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


@torch.no_grad()
def validate(module: nn.Module, split: Split) -> dict[str, float]:
    """Return mean loss and accuracy over a split, in evaluation mode."""
    device = next(module.parameters()).device
    loss, correct = 0.0, 0
    module.eval()
    for images, targets in split.batches(np.arange(len(split)), VALIDATION_BATCH):
        logits, wanted = module(images.to(device)), targets.to(device)
        loss += cross_entropy(logits, wanted, reduction="sum").item()
        correct += int((logits.argmax(1) == wanted).sum())
    return {"validation_loss": loss / len(split), "validation_accuracy": correct / len(split)}


def progress(metrics: Mapping[str, float], *, seconds: float) -> str:
    """Return an epoch's line in the log, which the job's metric definitions read."""
    figures = " ".join(f"{name}={value:.4f}" for name, value in metrics.items() if name != "epoch")
    return f"epoch={metrics['epoch']:.0f} {figures} seconds={seconds:.2f}"
