"""The JSON record that travels with a model, beside its ONNX graph in ``model.tar.gz``."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

ONNX_FILE = "model.onnx"
RECORD_FILE = "model.json"

SMALLEST_IMAGE_SIZE = 8
LARGEST_IMAGE_SIZE = 1024
IMAGE_SIZES = {"resnet18": 224, "small-cnn": 32}
"""Height and width in pixels of the shipped architectures' input, unless a run names another."""


def default_image_size(architecture: str) -> int:
    """Return the size in `IMAGE_SIZES`; of an architecture that does not ship, 32.

    `visionml.model.architectures.image_size` asks those that are plugged in, which takes PyTorch.
    """
    return IMAGE_SIZES.get(architecture, IMAGE_SIZES["small-cnn"])


class InputRecord(BaseModel):
    """What the graph expects: float32, batch x 3 x height x width, RGB, normalised."""

    model_config = ConfigDict(frozen=True)

    height: int
    width: int
    fit: Literal["cover"] = "cover"
    """Scale to cover, then crop the centre."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    """Per channel, of pixels scaled to 0..1."""


class QuantisationRecord(BaseModel):
    """What became of the wish for an int8 graph; accuracies are those on the validation split."""

    model_config = ConfigDict(frozen=True)

    kept: bool
    """Whether the graph is int8; otherwise it is float32."""
    reason: str
    float_accuracy: float
    int8_accuracy: float | None = None
    """None when no int8 graph could be made."""
    maximum_loss: float
    """Points of accuracy, of a hundred, that the int8 graph was allowed to lose."""
    calibration_images: int = 0


class ModelRecord(BaseModel):
    """Everything needed to serve a model and to say where it came from.

    ``version`` is the id of the run that trained it.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    architecture: str
    hyperparameters: dict[str, str]
    classes: tuple[str, ...]
    input: InputRecord
    dataset: str
    dataset_version: str
    code_version: str
    seed: int
    metrics: dict[str, float]
    """Best epoch's figures, such as ``validation_accuracy``."""
    compute: dict[str, str] = {}
    """What it was trained on: ``device``, ``precision``, ``torch``, ``processes``."""
    quantisation: QuantisationRecord | None = None
    onnx_sha256: str
    opset: int
    created: datetime
