"""Architectures by name: the point at which one's own model is plugged in.

An architecture is named in one of three ways, tried in this order:

- a name that ships here, such as ``small-cnn``;
- a name in the entry-point group ``visionml.models`` of an installed package;
- a dotted path, such as ``mypackage.nets:WIDE``.

Each leads to an `Architecture`: a function that builds the module, and the record of its own
hyperparameters. PyTorch is imported only when the chosen one is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from visionml.contracts.model import IMAGE_SIZES, default_image_size
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from torch import nn

ENTRY_POINT_GROUP = "visionml.models"
_SHIPPED = {
    "resnet18": "visionml.model.resnet:RESNET18",
    "small-cnn": "visionml.model.small_cnn:SMALL_CNN",
}


class Options(BaseModel):
    """An architecture's own hyperparameters; subclass it and give each field a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Architecture:
    """How to build a model: ``build(classes, options)`` takes (n, 3, h, w) to (n, classes) logits.

    ``minimum_size`` is the smallest height and width in pixels that the module can take.
    ``defaults`` replaces defaults of the common hyperparameters, such as ``learning_rate``.
    """

    build: "Callable[[int, Any], nn.Module]"
    options: type[Options] = Options
    minimum_size: int = 1
    defaults: Mapping[str, str | float | bool] = field(default_factory=dict)


def architecture(name: str) -> Architecture:
    """Return the architecture of that name, entry point or dotted path.

    Raises
    ------
    InvalidInput
        There is none, it cannot be imported, or what is found there is no `Architecture`.
    """
    found = _load(name)
    if not isinstance(found, Architecture):
        raise InvalidInput(
            f"The architecture {name!r} leads to a {type(found).__name__}, not an Architecture.",
            hint="Wrap the function that builds the module in an Architecture.",
        )
    return found


def image_size(name: str) -> int:
    """Return the height and width of an architecture's input, unless a run names another.

    One that is plugged in is asked where it is installed; where it is not, only the image that
    trains has it, and the size is that of all others: 32 pixels.
    """
    if name in IMAGE_SIZES:
        return IMAGE_SIZES[name]
    try:
        return int(architecture(name).defaults["image_size"])
    except (InvalidInput, KeyError):
        return default_image_size(name)


def names() -> list[str]:
    """Return the names that can be used as they are: those that ship and those plugged in."""
    return sorted({*_SHIPPED, *entry_points(group=ENTRY_POINT_GROUP).names})


def _load(name: str) -> object:
    plugged = entry_points(group=ENTRY_POINT_GROUP, name=name)
    path = _SHIPPED.get(name) or next((point.value for point in plugged), name)
    module, _, attribute = path.partition(":")
    if not attribute:
        raise InvalidInput(
            f"There is no architecture named {name!r}.",
            hint=f"Use one of: {', '.join(names())}; or a dotted path such as package.module:NAME.",
        )
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(
            f"The architecture {name!r} cannot be imported: {error}.",
            hint="Its package must be installed in the training image.",
        ) from error
