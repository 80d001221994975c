"""The training loop by itself, on a training job's folder."""

import torch
from torch import nn

from visionml.contracts.container import MlFolder
from visionml.model.architectures import architecture
from visionml.training import data, hyperparameters
from visionml.training.checkpoint import Checkpoints
from visionml.training.compute import Compute
from visionml.training.loop import train


def run(
    ml: MlFolder, checkpoints: type[Checkpoints] = Checkpoints
) -> tuple[dict[str, float], nn.Module]:
    """Train as the job would, without an artefact; return the metrics and the module."""
    settings, options = hyperparameters.parse(ml.hyperparameters())
    images = data.load(
        train=ml.channel("train"),
        validation=ml.channel("validation"),
        image_size=settings.image_size,
    )
    torch.manual_seed(settings.seed)
    module = architecture(settings.architecture).build(len(images.classes), options)
    identity = hyperparameters.as_strings(settings, options)
    kept = checkpoints(ml.checkpoints, {**identity, "classes": "/".join(images.classes)})
    return train(module, images, settings, kept, compute=Compute.of(settings)), module


def same(one: nn.Module, other: nn.Module) -> bool:
    """Tell whether two modules have the same weights, to the last bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
