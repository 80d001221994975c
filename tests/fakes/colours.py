"""A classifier of colours that can be made to err, and images for it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from visionml.contracts.dataset import ManifestEntry
from visionml.contracts.model import InputRecord, ModelRecord
from visionml.dataset.shards import Shards, write_shard
from visionml.model import artefact

CLASSES = ("red", "green", "blue")
VERSION = "run-20261120-100000-abcd"
SURE, BLIND = np.eye(3), np.zeros((3, 3))


def colour_graph(weights: np.ndarray = SURE, *, size: int = 2) -> bytes:
    """Return a graph whose logits are the channels' means times `weights` (3, 3)."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_model(folder: Path, weights: np.ndarray = SURE, *, size: int = 2, **facts: Any) -> Path:
    """Write an artefact into `folder`, with `facts` instead of the record's usual ones."""
    graph = colour_graph(weights, size=size)
    usual = ModelRecord(
        version=VERSION,
        architecture="colours",
        hyperparameters={"epochs": "3"},
        classes=CLASSES,
        input=InputRecord(height=size, width=size, mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1)),
        dataset="colours",
        dataset_version="v1",
        code_version="c0de",
        seed=0,
        metrics={"validation_accuracy": 0.5},
        onnx_sha256=artefact.digest(graph),
        opset=18,
        created=datetime(2026, 11, 20, tzinfo=UTC),
    )
    artefact.write(folder, graph, usual.model_copy(update=facts))
    return folder


def write_split(
    folder: Path,
    labels: Sequence[str],
    colours: Sequence[int],
    *,
    strength: int | Sequence[int] = 255,
    size: int = 2,
) -> Shards:
    """Write images of one channel each, labelled at will, as the shards of a split."""
    images = np.zeros((len(labels), size, size, 3), np.uint8)
    images[np.arange(len(labels)), :, :, colours] = np.reshape(strength, (-1, 1, 1))
    rows = [
        ManifestEntry(
            key=f"images/colours/{label}/{number}.png",
            label=label,
            split="holdout",
            sha256="0",
            width=2,
            height=2 + number % 3,
            format="png",
            bytes=1,
        )
        for number, label in enumerate(labels)
    ]
    write_shard(folder, "part-00-00000", images, rows)
    return Shards(folder)
