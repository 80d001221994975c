"""A job's hyperparameters: SageMaker's strings, read once into types that can be trusted."""

import json
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visionml.contracts.dataset import DatasetName
from visionml.contracts.model import LARGEST_IMAGE_SIZE, SMALLEST_IMAGE_SIZE
from visionml.contracts.training import RunId
from visionml.errors import InvalidInput
from visionml.model.architectures import Options, architecture

_FOREIGN = ("sagemaker_", "_tuning_")  # added by SageMaker's SDK and by tuning jobs, not by people

DEFAULT_ARCHITECTURE = "small-cnn"

_Record = TypeVar("_Record", bound=BaseModel)


Share = Annotated[float, Field(ge=0, le=1)]


class Hyperparameters(BaseModel):
    """What every architecture has in common; each adds its own `options`.

    These defaults are those of small scans; an architecture may bring others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: RunId
    dataset: DatasetName
    dataset_version: str
    architecture: str = DEFAULT_ARCHITECTURE
    image_size: Annotated[int, Field(ge=SMALLEST_IMAGE_SIZE, le=LARGEST_IMAGE_SIZE)] = 32
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 8
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 64
    """Of all processes together."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 5e-3
    """The highest of the schedule; reached after a fifth of the steps."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.05
    smallest_crop: Annotated[float, Field(gt=0, le=1)] = 1
    """Images are cropped at random to this share of their area, or more; 1 for never."""
    flip: Share = 0
    """The share of images that are mirrored, left to right."""
    colour_jitter: Share = 0
    """Brightness, contrast and saturation change by up to this share."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the forward pass; ``auto`` is 32 bits on CPUs and 16 on GPUs."""
    compile: bool = False
    quantise: Literal["none", "int8"] = "none"
    maximum_quantisation_loss: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Points of validation accuracy that an int8 graph may lose and still be kept."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


def parse(values: Mapping[str, str]) -> tuple[Hyperparameters, Options]:
    """Return the common hyperparameters and the architecture's own.

    Strings that the SDK has quoted as JSON are unquoted; its own additions are passed over. An
    option that is named like a common hyperparameter, such as ``image_size``, gets its value.

    Raises
    ------
    InvalidInput
        One is unknown, missing, of the wrong type or out of range; the message names all such.
    """
    given = {
        name: _unquoted(value) for name, value in values.items() if not name.startswith(_FOREIGN)
    }
    common = {name: given[name] for name in given if name in Hyperparameters.model_fields}
    own = {name: given[name] for name in given if name not in common}
    chosen = architecture(common.get("architecture", DEFAULT_ARCHITECTURE))
    settings = _validated(Hyperparameters, {**chosen.defaults, **common})
    unknown = sorted(own.keys() - chosen.options.model_fields.keys())
    if unknown:
        known = sorted({*Hyperparameters.model_fields, *chosen.options.model_fields})
        raise InvalidInput(
            f"Unknown hyperparameters for {settings.architecture}: {', '.join(unknown)}.",
            hint=f"Known are: {', '.join(known)}.",
        )
    if settings.image_size < chosen.minimum_size:
        raise InvalidInput(
            f"image_size is {settings.image_size}; {settings.architecture} needs at least "
            f"{chosen.minimum_size} pixels."
        )
    shared = chosen.options.model_fields.keys() & Hyperparameters.model_fields.keys()
    return settings, _validated(chosen.options, {**own, **settings.model_dump(include=shared)})


def as_strings(settings: Hyperparameters, options: Options) -> dict[str, str]:
    """Return all hyperparameters in force, as the strings that would bring them about."""
    values = {**settings.model_dump(), **options.model_dump()}
    return {name: str(value) for name, value in sorted(values.items())}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return str(json.loads(value))
    return value


def _validated(record: type[_Record], values: Mapping[str, object]) -> _Record:
    try:
        return record.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'all'}"
            + ("" if fault["type"] == "missing" else f" = {fault['input']!r}")
            + f": {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidInput(
            f"Hyperparameters that cannot be used: {faults}.", hint="Mend the named ones."
        ) from error
