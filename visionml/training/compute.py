"""Where a process computes, and in which precision."""

import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from visionml.errors import InvalidInput
from visionml.training.hyperparameters import Hyperparameters

_COMPILERS = ("c++", "g++", "clang++")


@dataclass(frozen=True)
class Compute:
    """A device, the precision of the forward pass, and whether the module is compiled.

    Weights, the optimiser's state and validation are always in 32 bits: mixed precision.
    """

    device: torch.device
    precision: torch.dtype = torch.float32
    compiled: bool = False

    @classmethod
    def of(cls, settings: Hyperparameters, *, local: int = 0, per_host: int = 1) -> "Compute":
        """Return what the settings ask for on this machine; each process takes a GPU of its own.

        Raises
        ------
        InvalidInput
            ``compile`` is asked for where there is no C++ compiler.
        """
        if settings.compile and not any(map(shutil.which, _COMPILERS)):
            raise InvalidInput(
                "compile is true, but the training image has no C++ compiler.",
                hint="Add g++ to infra/images/vision/Dockerfile, or leave compile at false.",
            )
        if torch.cuda.is_available():
            device = torch.device("cuda", local)
            torch.cuda.set_device(device)
        else:
            device = torch.device("cpu")
            if per_host > 1:
                torch.set_num_threads(max(1, (os.cpu_count() or 1) // per_host))
        return cls(device, _precision(settings, device), settings.compile)

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context of a forward pass."""
        return torch.autocast(
            self.device.type, self.precision, enabled=self.precision != torch.float32
        )

    def scaler(self) -> torch.amp.GradScaler:
        """Return what keeps the small gradients of 16-bit floats; it does nothing for others."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the CPU on the device; the copy runs beside the computation."""
        if self.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def facts(self) -> dict[str, str]:
        """Return what a model's record says of it."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return {
            "device": name,
            "precision": str(self.precision).removeprefix("torch."),
            "torch": torch.__version__,
        }


CPU = Compute(torch.device("cpu"))


def _precision(settings: Hyperparameters, device: torch.device) -> torch.dtype:
    if settings.precision != "auto":
        chosen: torch.dtype = getattr(torch, settings.precision)
        return chosen
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
