"""The training loop: warm-up and cosine decay of the learning rate, the best epoch kept.

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
from visionml.training.augmentation import Changes
from visionml.training.checkpoint import Checkpoints
from visionml.training.cluster import ALONE, Cluster
from visionml.training.compute import CPU, Compute
from visionml.training.data import Split, TrainingData, ahead
from visionml.training.hyperparameters import Hyperparameters
from visionml.training.learner import Learner

WARM_UP = 0.2  # share of all steps
VALIDATION_BATCH = 256

log = logging.getLogger(__name__)


def train(
    module: nn.Module,
    data: TrainingData,
    settings: Hyperparameters,
    checkpoints: Checkpoints,
    *,
    cluster: Cluster = ALONE,
    compute: Compute = CPU,
) -> dict[str, float]:
    """Train `module` in place, leave the best epoch's weights in it, and return their metrics.

    In a cluster, every process calls this and returns the same; its leader writes.

    Raises
    ------
    JobFailed
        The loss is no longer a number.
    InvalidInput
        A batch has too few images for all processes.
    """
    learner = Learner(module, settings, cluster, compute)
    state = cluster.from_leader(checkpoints.load)
    learner.restore(state)
    for epoch in range(state.epoch, settings.epochs):
        started = time.perf_counter()
        metrics = {"epoch": epoch + 1.0}
        metrics["train_loss"] = _epoch(learner, data.train, settings, epoch)
        metrics |= validate(learner.module, data.validation, cluster)
        state.judge(metrics, learner.module)
        if cluster.leads:
            learner.store(state)
            checkpoints.save(state)
            log.info(progress(metrics, seconds=time.perf_counter() - started))
    module.load_state_dict(state.best)
    return state.metrics


def _epoch(learner: Learner, split: Split, settings: Hyperparameters, epoch: int) -> float:
    """Go once through the images in a new order; return the mean loss of an image."""
    cluster, compute = learner.cluster, learner.compute
    random = np.random.default_rng([settings.seed, epoch])
    torch.manual_seed(int(random.integers(2**62)) + cluster.rank)
    order = random.permutation(len(split))
    changes = Changes.drawn(len(split), settings, random)
    shares = cluster.shares(len(split), settings.batch_size)
    batches = ahead(split.batches(order[share.positions] for share in shares))
    total = torch.zeros((), device=compute.device)
    learner.module.train()
    for step, (share, (images, targets)) in enumerate(zip(shares, batches, strict=True)):
        done = (epoch + step / len(shares)) / settings.epochs
        total += learner.learn(
            changes.applied(compute.put(images), share.positions, split.input),
            compute.put(targets),
            whole=share.whole,
            rate=settings.learning_rate * schedule(done),
        )
    mean = cluster.total(total.item())[0] / len(split)
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
def validate(module: nn.Module, split: Split, cluster: Cluster = ALONE) -> dict[str, float]:
    """Return mean loss and accuracy over a split, in evaluation mode and 32 bits."""
    device = next(module.parameters()).device
    own = cluster.part(np.arange(len(split)))
    parts = np.array_split(own, -(-len(own) // VALIDATION_BATCH)) if len(own) else []
    loss, correct = 0.0, 0
    module.eval()
    for images, targets in ahead(split.batches(parts)):
        logits, wanted = module(images.to(device)), targets.to(device)
        loss += cross_entropy(logits, wanted, reduction="sum").item()
        correct += int((logits.argmax(1) == wanted).sum())
    loss, right = cluster.total(loss, correct)
    return {"validation_loss": loss / len(split), "validation_accuracy": right / len(split)}


def progress(metrics: Mapping[str, float], *, seconds: float) -> str:
    """Return an epoch's line in the log, which the job's metric definitions read."""
    figures = " ".join(f"{name}={value:.4f}" for name, value in metrics.items() if name != "epoch")
    return f"epoch={metrics['epoch']:.0f} {figures} seconds={seconds:.2f}"
