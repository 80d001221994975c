"""The network for photographs."""

import torch

from visionml.model.architectures import architecture
from visionml.model.export import to_onnx
from visionml.model.resnet import RESNET18, Block, ResNetOptions
from visionml.training.hyperparameters import parse

GIVEN = {
    "run_id": "run-20261120-100000-abcd",
    "dataset": "photographs",
    "dataset_version": "0123456789abcdef",
    "architecture": "resnet18",
}


def test_it_is_the_resnet_18_that_is_published() -> None:
    module = RESNET18.build(1000, ResNetOptions())
    assert sum(p.numel() for p in module.parameters()) == 11_689_512
    assert sum(isinstance(layer, Block) for layer in module.modules()) == 8


def test_it_takes_photographs_and_small_images() -> None:
    module = RESNET18.build(7, ResNetOptions(width=4)).eval()
    for size in (RESNET18.minimum_size, 224):
        assert module(torch.zeros(2, 3, size, size)).shape == (2, 7)


def test_a_block_begins_as_its_shortcut() -> None:
    images = torch.rand(2, 4, 8, 8)
    assert torch.equal(Block(4, 4, stride=1).eval()(images), images)


def test_its_graph_answers_as_the_module_does() -> None:
    """`to_onnx` refuses a graph that does not."""
    assert to_onnx(RESNET18.build(3, ResNetOptions(width=4)), height=32, width=32)


def test_it_brings_defaults_for_photographs_that_can_be_changed() -> None:
    settings, options = parse({**GIVEN, "flip": "0"})
    assert architecture("resnet18") is RESNET18
    assert options == ResNetOptions()
    assert (settings.image_size, settings.smallest_crop, settings.flip) == (224, 0.35, 0)
