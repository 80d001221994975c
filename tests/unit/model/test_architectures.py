"""Where one's own model is plugged in."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest
import torch
from torch import nn

from visionml.contracts.model import IMAGE_SIZES
from visionml.errors import InvalidInput
from visionml.model import architectures
from visionml.model.architectures import Architecture, Options, architecture, names
from visionml.model.small_cnn import SMALL_CNN, MeanAndStrongest, SmallCnnOptions

MINE = Architecture(lambda classes, _: nn.Linear(1, classes))


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = ModuleType("my_nets")
    nets.MINE = MINE  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_nets", nets)


def test_what_ships_is_found_by_name() -> None:
    assert architecture("small-cnn") is SMALL_CNN
    assert "small-cnn" in names()


def test_a_dotted_path_is_enough() -> None:
    assert architecture("my_nets:MINE") is MINE


def test_an_installed_package_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    group = architectures.ENTRY_POINT_GROUP
    installed = EntryPoints([EntryPoint("mine", "my_nets:MINE", group)])
    monkeypatch.setattr(architectures, "entry_points", installed.select)
    assert architecture("mine") is MINE
    assert names() == ["mine", "resnet18", "small-cnn"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "resnet-9000",
            r"no architecture named 'resnet-9000'. Use one of: resnet18, small-cnn; or a dotted",
        ),
        ("no_such_package:NET", "cannot be imported: No module named"),
        ("my_nets:OTHER", "cannot be imported: module 'my_nets' has no attribute"),
        ("my_nets:__name__", "leads to a str, not an Architecture"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(name: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        architecture(name)


def test_the_sizes_that_need_no_pytorch_are_those_of_the_architectures() -> None:
    shipped = {name: architecture(name).defaults["image_size"] for name in IMAGE_SIZES}
    assert shipped == IMAGE_SIZES
    assert sorted(IMAGE_SIZES) == names()


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 224), ("my_nets:WIDE", 96), ("my_nets:MINE", 32), ("only_in_the_image:NET", 32)],
)
def test_images_are_as_large_as_the_architecture_says(
    monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    wide = Architecture(MINE.build, defaults={"image_size": 96})
    monkeypatch.setattr(sys.modules["my_nets"], "WIDE", wide, raising=False)
    assert architectures.image_size(name) == size


@pytest.mark.parametrize("size", [8, 32, 224])
def test_the_small_network_takes_any_size_from_its_smallest(size: int) -> None:
    module = SMALL_CNN.build(7, SmallCnnOptions())
    assert module(torch.zeros(2, 3, size, size)).shape == (2, 7)
    assert size >= SMALL_CNN.minimum_size


def test_the_small_network_has_the_size_it_states() -> None:
    module = SMALL_CNN.build(10, SmallCnnOptions())
    assert round(sum(p.numel() for p in module.parameters()), -3) == 61_000


def test_options_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        Options.model_validate({"depth": "3"})


def test_the_small_network_may_keep_where_a_feature_is_strongest() -> None:
    module = SMALL_CNN.build(3, SmallCnnOptions(pooling="both")).eval()
    features = next(layer for layer in module.modules() if isinstance(layer, MeanAndStrongest))
    spot = torch.zeros(1, 2, 4, 4)
    spot[0, 1, 2, 3] = 8
    assert features(spot).tolist() == [[0, 0.5, 0, 8]]
    assert module(torch.zeros(2, 3, 64, 64)).shape == (2, 3)
