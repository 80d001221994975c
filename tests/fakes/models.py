"""A model small enough to reason about: it tells dark pictures from light ones."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from visionml.contracts.model import InputRecord, ModelRecord
from visionml.model import artefact
from visionml.model.embedding import with_embedding

VERSION = "run-20260101-000000-abcd"
CLASSES = ("dark", "light")


def brightness_graph(size: int) -> bytes:
    """Return a graph from (n, 3, size, size) to two logits: minus and plus the mean."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    weights = np.array([[-1.0, 1.0]] * 3, np.float32)
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def brightness_record(graph: bytes, size: int) -> ModelRecord:
    """Return the record of a brightness graph."""
    return ModelRecord(
        version=VERSION,
        architecture="brightness",
        hyperparameters={},
        classes=CLASSES,
        input=InputRecord(height=size, width=size, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        dataset="shades",
        dataset_version="1",
        code_version="1",
        seed=0,
        metrics={},
        onnx_sha256=artefact.digest(graph),
        opset=18,
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def write_brightness_model(
    folder: Path, *, size: int = 32, version: str = VERSION, embedding: bool = False
) -> ModelRecord:
    """Write the model's artefact into `folder`; its embedding is an image's mean colour."""
    graph = brightness_graph(size)
    if embedding:
        graph = with_embedding(graph)
    record = brightness_record(graph, size).model_copy(update={"version": version})
    artefact.write(folder, graph, record)
    return record
