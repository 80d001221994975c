"""A tiny artefact."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from torch import nn

from visionml.contracts.model import InputRecord, ModelRecord
from visionml.model import artefact
from visionml.model.export import OPSET, to_onnx

torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(scope="session")
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 4, 3)
    ).eval()


@pytest.fixture(scope="session")
def graph(module: nn.Module) -> bytes:
    return to_onnx(module, height=8, width=6)


@pytest.fixture(scope="session")
def record(graph: bytes) -> ModelRecord:
    return ModelRecord(
        version="run-20261120-100000-abcd",
        architecture="tiny",
        hyperparameters={},
        classes=("a", "b", "c"),
        input=InputRecord(height=8, width=6, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
        dataset="letters",
        dataset_version="v1",
        code_version="c0de",
        seed=0,
        metrics={"validation_accuracy": 0.5},
        onnx_sha256=artefact.digest(graph),
        opset=OPSET,
        created=datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.fixture
def model(tmp_path: Path, graph: bytes, record: ModelRecord) -> Path:
    artefact.write(tmp_path / "model", graph, record)
    return tmp_path / "model"
