"""Predictions from an artefact, and the graph behind them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from visionml.contracts.model import ModelRecord
from visionml.errors import InvalidInput, VisionmlError
from visionml.model.export import OPSET, to_onnx
from visionml.model.predict import Predictor, softmax
from visionml.model.transforms import normalise

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 8, 6, 3), np.uint8)


def test_probabilities_are_those_of_the_trained_module(
    model: Path, module: nn.Module, record: ModelRecord
) -> None:
    with torch.no_grad():
        logits = module(torch.from_numpy(normalise(PIXELS, record.input)))
    given = Predictor(model).probabilities(PIXELS)
    assert np.allclose(given, torch.softmax(logits, 1).numpy(), atol=1e-5)
    assert np.allclose(given.sum(axis=1), 1)


def test_images_of_another_size_are_refused(model: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\(6, 8, 3\); the model takes \(8, 6, 3\)"):
        Predictor(model).probabilities(PIXELS.transpose(0, 2, 1, 3))


def test_huge_logits_do_not_overflow() -> None:
    assert softmax(np.array([[1e30, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


def test_predicting_needs_no_torch() -> None:
    code = "import sys, visionml.model.predict; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_graph_is_self_contained_and_of_the_pinned_opset(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [OPSET]
    assert model.graph.input[0].name == "pixels"
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


class Forgetful(nn.Module):
    """Answers differently each time, as no graph can."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images.mean((2, 3)) + self.calls


def test_a_graph_that_answers_differently_is_not_let_out() -> None:
    with pytest.raises(VisionmlError, match="answers differently"):
        to_onnx(Forgetful(), height=4, width=4)


class Branching(nn.Module):
    """Depends on its input's values in Python."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) if bool(images.sum() > 0) else images.amax((2, 3))


def test_a_module_that_cannot_be_exported_says_so() -> None:
    with pytest.raises(VisionmlError, match="cannot be exported to ONNX") as caught:
        to_onnx(Branching(), height=4, width=4)
    assert "no Python branches" in caught.value.hint
