"""Untrained models for measurements of serving: what they say plays no part."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from visionml.contracts.model import InputRecord, ModelRecord
from visionml.model import artefact
from visionml.model.embedding import with_embedding

SIDE = 224
_CLASSES = tuple(str(number) for number in range(10))


def write_small_cnn(folder: Path) -> None:
    """Write a model of four strided convolutions, 50 million multiplications a picture."""
    random = np.random.default_rng(0)
    nodes, weights, channels, last = [], [], 3, "pixels"
    for index, width in enumerate((16, 32, 64, 128)):
        kernel = random.normal(size=(width, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"kernel{index}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [last, f"kernel{index}"],
                [f"sum{index}"],
                kernel_shape=[3, 3],
                strides=[2, 2],
                pads=[1, 1, 1, 1],
            )
        )
        nodes.append(helper.make_node("Relu", [f"sum{index}"], [f"out{index}"]))
        channels, last = width, f"out{index}"
    head = random.normal(size=(channels, len(_CLASSES))).astype(np.float32)
    weights.append(numpy_helper.from_array(head, "head"))
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small-cnn",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(_CLASSES)])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    _write(folder, "small-cnn", with_embedding(bytes(model.SerializeToString())))


def write_resnet18(folder: Path) -> None:
    """Write an untrained ResNet-18, 1.8 billion multiplications a picture."""
    from visionml.model.export import to_onnx  # noqa: PLC0415 - PyTorch is heavy
    from visionml.model.resnet import RESNET18, ResNetOptions  # noqa: PLC0415

    module = RESNET18.build(len(_CLASSES), ResNetOptions())
    _write(folder, "resnet18", to_onnx(module, height=SIDE, width=SIDE))


def _write(folder: Path, architecture: str, content: bytes) -> None:
    record = ModelRecord(
        version="run-20260101-000000-0000",
        architecture=architecture,
        hyperparameters={},
        classes=_CLASSES,
        input=InputRecord(height=SIDE, width=SIDE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        dataset="none",
        dataset_version="none",
        code_version="none",
        seed=0,
        metrics={},
        onnx_sha256=artefact.digest(content),
        opset=18,
        created=datetime.now(UTC),
    )
    artefact.write(folder, content, record)
