"""A classifier's graph with a second output: what its last layer sees of each image."""

import onnx
from onnx import TensorProto, helper

LARGEST = 2048
"""Numbers an image; a layer that sees more is no summary, so that its graph stays as it is."""


def with_embedding(graph: bytes) -> bytes:
    """Return a graph that also gives ``embedding``, (n, features), where that can be found.

    It is found where ``logits`` come from a linear layer, alone or with its bias beside it, that
    takes at most `LARGEST` features. Any other graph is returned as it is, and so serves without.
    """
    model = onnx.load_from_string(graph)
    found = _features(model.graph)
    if found is None:
        return graph
    name, width = found
    model.graph.node.append(helper.make_node("Identity", [name], ["embedding"], "embedding"))
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param or None
    model.graph.output.append(
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, width])
    )
    return bytes(model.SerializeToString())


def _features(graph: onnx.GraphProto) -> tuple[str, int] | None:
    """Return the name and width of what the last linear layer takes."""
    makers = {output: node for node in graph.node for output in node.output}
    shapes = {weight.name: list(weight.dims) for weight in graph.initializer}
    last = makers.get("logits")
    if last is not None and last.op_type == "Add":
        products = [makers[name] for name in last.input if name in makers]
        last = next((node for node in products if node.op_type == "MatMul"), None)
    if last is None or last.op_type not in {"Gemm", "MatMul"}:
        return None
    name, shape = last.input[0], shapes.get(last.input[1], [])
    if "embedding" in makers or name not in makers or len(shape) != 2 or _flag(last, "transA"):
        return None
    width = int(shape[1] if _flag(last, "transB") else shape[0])
    return (name, width) if width <= LARGEST else None


def _flag(node: onnx.NodeProto, name: str) -> bool:
    return any(attribute.name == name and attribute.i for attribute in node.attribute)
