"""Batch normalisation over the whole batch, also where several processes share it.

PyTorch's own ``SyncBatchNorm`` does this on GPUs only. Without it each process would normalise
by its own images, and the model of two processes would not be the one that a single one trains.
"""

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def shared(module: nn.Module) -> nn.Module:
    """Return a copy of `module`, on its device, whose batch normalisation spans all processes."""
    copied = copy.deepcopy(module)
    if next(copied.parameters()).device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(copied)  # type: ignore[no-untyped-call]
        return converted
    for found in copied.modules():
        if type(found) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            found.__class__ = _Spanning
    return copied


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_context: Any, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _Spanning(_BatchNorm):
    """Batch normalisation by the mean and variance of the images of all processes."""

    def _check_input_dim(self, input: torch.Tensor) -> None:  # noqa: A002  (PyTorch's name)
        """Take images, volumes and vectors alike."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        if not self.training:
            return super().forward(input)
        values = input.float()
        axes = [0, *range(2, values.dim())]
        shape = [1, -1] + [1] * (values.dim() - 2)
        own = values.new_tensor([values.numel() // values.shape[1]])
        total = _total(torch.cat([values.sum(axes), own]))
        count, mean = total[-1].detach(), total[:-1] / total[-1]
        centred = values - mean.view(shape)
        variance = _total(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1))
        result = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            result = result * self.weight.view(shape) + self.bias.view(shape)
        return result.to(input.dtype)

    def _track(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None  # noqa: S101
        self.num_batches_tracked.add_(1)
        share = self.momentum or 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _total(value: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total
