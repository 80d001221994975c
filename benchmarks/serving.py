"""Serving: a JPEG in, JSON out, a small CNN, eight connections, every core.

The limit decodes and predicts in one process a core, without HTTP. Peers that are installed serve
the same image and model in the way that most people write it.
"""

import importlib.util
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.load import Caller
from benchmarks.photos import photo
from benchmarks.record import Row, row
from visionml.contracts.model import InputRecord, ModelRecord
from visionml.errors import MachineUnfit
from visionml.imaging.model_input import pixels
from visionml.model import artefact
from visionml.model.predict import Predictor

SIDE = 224
_ROUNDS = 5
_SLICE_SECONDS = 1.5
_CLASSES = tuple(str(number) for number in range(10))
_ROOT = Path(__file__).parents[1]
_PEERS = {
    "FastAPI": "fastapi",
    "multi-model-server": "multi_model_server",
    "TorchServe": "ts",
    "LitServe": "litserve",
    "BentoML": "bentoml",
    "Ray Serve": "ray.serve",
}


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
    content = bytes(model.SerializeToString())
    record = ModelRecord(
        version="run-20260101-000000-0000",
        architecture="small-cnn",
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


def serving_throughput() -> Row:
    """Measure requests a second."""
    return _rows()[0]


def serving_p99_half_load() -> Row:
    """Measure the slowest hundredth at half of that rate; the limit is one prediction alone."""
    return _rows()[1]


@cache
def _rows() -> tuple[Row, Row]:
    image = photo("0.3mp")
    with tempfile.TemporaryDirectory() as base, ExitStack() as stack:
        model = Path(base) / "model"
        write_small_cnn(model)
        bare = stack.enter_context(_bare(model, image))
        callers = {"ours": stack.enter_context(_ours(Path(base), image))}
        if importlib.util.find_spec(_PEERS["FastAPI"]):
            callers["FastAPI"] = stack.enter_context(_fastapi(model, image))
        rates: dict[str, list[float]] = {"limit": [], **{name: [] for name in callers}}
        tails: dict[str, list[float]] = {"limit": [], **{name: [] for name in callers}}
        for _ in range(_ROUNDS):
            rate, single_ms = bare()
            rates["limit"].append(rate)
            tails["limit"].append(single_ms)
            for name, caller in callers.items():
                rates[name].append(caller.closed_loop(_SLICE_SECONDS).rate)
            for name, caller in callers.items():
                half = caller.steady(_SLICE_SECONDS, rate=min(rates[name]) / 2)
                tails[name].append(half.percentile(0.99) * 1e3)
    return (
        row("serving_throughput", "requests/s", rates, higher_is_better=True, peers=(*_PEERS,)),
        row("serving_p99_half_load", "ms", tails, peers=(*_PEERS,)),
    )


@contextmanager
def _ours(base: Path, image: bytes) -> Iterator[Caller]:
    port = _free_port()
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SERVE_HOST": "127.0.0.1",
    }
    script = _ROOT / "infra" / "images" / "vision" / "bin" / "serve"
    with _server([sys.executable, str(script)], port, environment):
        yield Caller(port, image)


@contextmanager
def _fastapi(model: Path, image: bytes) -> Iterator[Caller]:
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.fastapi_server", str(model), str(port)]
    with _server(command, port, {}):
        yield Caller(port, image)


@contextmanager
def _server(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=_ROOT, stdout=subprocess.DEVNULL
    )
    try:
        give_up = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > give_up:
                    raise MachineUnfit(f"{' '.join(command)} does not serve.") from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _bare(model: Path, image: bytes) -> Iterator[Callable[[], tuple[float, float]]]:
    """Give a function that measures the limit.

    It returns predictions a second of all cores together, and the milliseconds of a single one.
    """
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [stack.enter_context(context.Pool(1)) for _ in os.sched_getaffinity(0)]

        def measure() -> tuple[float, float]:
            single = pools[0].apply(_predictions, (model, image, _SLICE_SECONDS / 3))
            begun = [
                pool.apply_async(_predictions, (model, image, _SLICE_SECONDS)) for pool in pools
            ]
            return sum(each.get() for each in begun), 1e3 / single

        for pool in pools:
            pool.apply(_predictions, (model, image, 0.1))  # everything is loaded and warm
        yield measure


_predictors: dict[Path, Predictor] = {}


def _predictions(model: Path, image: bytes, seconds: float) -> float:
    predictor = _predictors.get(model) or _predictors.setdefault(model, Predictor(model))
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        predictor.probabilities(pixels(image, height=SIDE, width=SIDE)[np.newaxis])
        count += 1
    return count / elapsed
