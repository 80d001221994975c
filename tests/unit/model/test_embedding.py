"""The second output of an exported graph."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tests.fakes.models import brightness_graph
from visionml.model import small_cnn
from visionml.model.embedding import LARGEST, with_embedding
from visionml.model.export import to_onnx
from visionml.model.predict import Predictor, providers
from visionml.model.quantise import to_int8

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), np.uint8)


def outputs(graph: bytes) -> list[str]:
    return [output.name for output in onnx.load_from_string(graph).graph.output]


def test_the_embedding_is_what_the_last_layer_takes(model: Path, module: nn.Module) -> None:
    predictor = Predictor(model)
    shares, features = predictor.infer(PIXELS, embed=True)
    assert features is not None
    assert features.shape == (5, 4 * 6 * 4)
    last = module.get_submodule("4")
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        logits = last(torch.from_numpy(features))
    assert np.allclose(torch.softmax(logits, 1).numpy(), shares, atol=1e-5)


def test_it_is_left_out_unless_asked_for(model: Path) -> None:
    predictor = Predictor(model)
    shares, features = predictor.infer(PIXELS)
    assert features is None
    assert np.array_equal(shares, predictor.infer(PIXELS, embed=True).probabilities)


def test_an_int8_graph_keeps_it() -> None:
    torch.manual_seed(0)
    graph = to_onnx(small_cnn.build(3, small_cnn.SmallCnnOptions()), height=16, width=16)
    batch = np.random.default_rng(0).normal(size=(8, 3, 16, 16)).astype(np.float32)
    found = []
    for each in (graph, to_int8(graph, iter([batch]))):
        session = onnxruntime.InferenceSession(each, providers=["CPUExecutionProvider"])
        found.append(session.run(["embedding"], {"pixels": batch})[0])
    assert found[0].shape == (8, 64)
    assert np.abs(found[0] - found[1]).max() < 0.1 * np.abs(found[0]).max()


class Split(nn.Module):
    """Adds two linear layers, so that no one layer is the last."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(features, 2), nn.Linear(features, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        result: torch.Tensor = self.first(flat) * self.second(flat)
        return result


def test_a_graph_without_one_last_layer_serves_without() -> None:
    assert outputs(to_onnx(Split(3 * 4 * 4), height=4, width=4)) == ["logits"]


def test_a_layer_that_takes_too_much_is_no_summary() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(3 * 28 * 28, 2))
    assert LARGEST < 3 * 28 * 28
    assert outputs(to_onnx(wide, height=28, width=28)) == ["logits"]


def test_a_last_layer_that_takes_the_pixels_themselves_has_none() -> None:
    linear = helper.make_graph(
        [helper.make_node("MatMul", ["pixels", "weights"], ["logits"])],
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.ones((4, 2), np.float32), "weights")],
    )
    content = bytes(helper.make_model(linear).SerializeToString())
    assert with_embedding(content) == content


@pytest.mark.parametrize("bias", [True, False])
def test_a_product_with_its_bias_beside_it_is_a_last_layer(bias: bool) -> None:
    nodes = [
        helper.make_node("Relu", ["pixels"], ["seen"]),
        helper.make_node("MatMul", ["seen", "weights"], ["product" if bias else "logits"]),
    ]
    weights = [numpy_helper.from_array(np.ones((4, 2), np.float32), "weights")]
    if bias:
        nodes.append(helper.make_node("Add", ["bias", "product"], ["logits"]))
        weights.append(numpy_helper.from_array(np.ones(2, np.float32), "bias"))
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content = with_embedding(bytes(model.SerializeToString()))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = np.array([[-1, 2, 3, -4]], np.float32)
    (features,) = session.run(["embedding"], {"pixels": given})
    assert features.tolist() == [[0, 2, 3, 0]]


def test_a_graph_that_has_it_already_is_left_alone() -> None:
    content = with_embedding(brightness_graph(8))
    assert outputs(content) == ["logits", "embedding"]
    assert with_embedding(content) == content


def test_a_gpu_is_used_where_the_build_can(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    assert providers()[-1] == cpu
    for available, wanted in (([cpu], [cpu]), ([cpu, cuda, "Azure"], [cuda, cpu])):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda given=available: given)
        assert providers() == wanted
