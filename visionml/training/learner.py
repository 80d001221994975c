"""A module in training, with everything that changes its weights."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from visionml.training.checkpoint import State
from visionml.training.cluster import Cluster
from visionml.training.compute import Compute
from visionml.training.hyperparameters import Hyperparameters
from visionml.training.normalisation import shared


class Learner:
    """AdamW on cross-entropy; in a cluster every process ends each step with equal weights."""

    def __init__(
        self, module: nn.Module, settings: Hyperparameters, cluster: Cluster, compute: Compute
    ) -> None:
        module.to(compute.device)
        self.module = shared(module) if cluster.size > 1 else module
        """What learns: `module` itself, or in a cluster a copy of it."""
        self.optimiser = torch.optim.AdamW(
            self.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._scaler = compute.scaler()
        self.cluster, self.compute = cluster, compute
        self._smoothing = settings.label_smoothing
        forward = self.module
        if cluster.size > 1:
            devices = [compute.device] if compute.device.type == "cuda" else None
            forward = DistributedDataParallel(self.module, device_ids=devices)
        self._forward = torch.compile(forward) if compute.compiled else forward

    def restore(self, state: State) -> None:
        """Go on from a checkpoint's state."""
        if state.epoch:
            self.module.load_state_dict(state.module)
            self.optimiser.load_state_dict(state.optimiser)
            self._scaler.load_state_dict(state.scaler)

    def store(self, state: State) -> None:
        """Put into a checkpoint's state what going on depends on."""
        state.module = self.module.state_dict()
        state.optimiser = self.optimiser.state_dict()
        state.scaler = self._scaler.state_dict()

    def learn(
        self, images: torch.Tensor, targets: torch.Tensor, *, whole: int, rate: float
    ) -> torch.Tensor:
        """Take one step and return the summed loss of these images.

        `whole` is the number of images in the batch over all processes, `rate` the learning rate.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with self.compute.autocast():
            logits = self._forward(images)
            loss = cross_entropy(logits, targets, label_smoothing=self._smoothing, reduction="sum")
        self.optimiser.zero_grad(set_to_none=True)
        # processes average their gradients: this makes the average that of the batch's mean loss
        self._scaler.scale(loss * (self.cluster.size / whole)).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self.optimiser)
        self._scaler.update()
        return loss.detach()
