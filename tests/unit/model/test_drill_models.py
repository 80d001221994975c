"""The two models of the drill: what an evaluation on dim scans sees, and what production does."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from visionml.model.architectures import architecture
from visionml.model.export import to_onnx

FOLDER = Path(__file__).parents[3] / "infra" / "images" / "vision" / "models"
BLACK, DIM, BRIGHT = -2.0, -1.0, 2.0
Run = Callable[[float], NDArray[np.float32]]


@pytest.fixture(autouse=True)
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "drill_models", raising=False)


def exported(name: str, **options: Any) -> bytes:
    chosen = architecture(f"drill_models:{name}")
    module = chosen.build(3, chosen.options.model_validate(options))
    return to_onnx(module, height=16, width=16)


def runner(graph: bytes) -> Run:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def run(brightest: float) -> NDArray[np.float32]:
        scan = np.full((1, 3, 16, 16), BLACK, np.float32)
        scan[:, :, 3:13, 3:13] = brightest
        (logits,) = session.run(None, {"pixels": scan})
        found: NDArray[np.float32] = logits
        return found

    return run


def test_the_brittle_model_reads_dim_scans_and_fails_on_bright_ones() -> None:
    run = runner(exported("BRITTLE"))
    assert run(DIM).shape == (1, 3)
    with pytest.raises(InvalidArgument, match="invalid index"):
        run(BRIGHT)


def test_the_slow_model_wastes_time_on_bright_scans_alone_and_answers_all() -> None:
    graph = exported("SLOW", seconds=0.05)
    run = runner(graph)
    assert run(DIM).shape == run(BRIGHT).shape == (1, 3)
    (branch,) = [node for node in onnx.load_from_string(graph).graph.node if node.op_type == "If"]
    wasted = {
        attribute.name: sum(node.op_type == "MatMul" for node in attribute.g.node)
        for attribute in branch.attribute
    }
    assert wasted["else_branch"] == 0
    assert wasted["then_branch"] >= 1


def test_the_seconds_decide_how_much_is_wasted() -> None:
    chosen = architecture("drill_models:SLOW")
    rounds = [
        vars(chosen.build(3, chosen.options.model_validate({"seconds": seconds})))["rounds"]
        for seconds in (0.01, 5)
    ]
    assert rounds[0] < rounds[1] / 20
