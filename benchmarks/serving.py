"""Serving: a JPEG in, JSON out, eight connections, every core.

The limit decodes and predicts in one process a core, without HTTP. Peers that are installed serve
the same image and model in the way that most people write it.
"""

import base64
import json
import multiprocessing
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks import servers
from benchmarks.load import Caller
from benchmarks.models import SIDE, write_resnet18, write_small_cnn
from benchmarks.photos import photo
from benchmarks.record import Row, row
from visionml.imaging.model_input import pixels
from visionml.model.predict import Predictor

_ROUNDS = 5
_SLICE_SECONDS = 1.5
_WARM_UP_SECONDS = 1.0
_PAIRS = 41
_PAIR_SECONDS = 0.35
_FURTHER_MODELS = 4


def serving_throughput() -> Row:
    """Measure requests a second with a small CNN."""
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
        callers = {"ours": Caller(stack.enter_context(servers.ours(Path(base))).port, image)}
        for name, python in servers.installed():
            port = stack.enter_context(servers.peer(name, python, model)).port
            callers[name] = _peer_caller(name, port, image)
        for caller in callers.values():
            caller.warm_up(_WARM_UP_SECONDS)
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
        row("serving_throughput", "requests/s", rates, higher_is_better=True, peers=servers.PEERS),
        row("serving_p99_half_load", "ms", tails, peers=servers.PEERS),
    )


def _peer_caller(name: str, port: int, image: bytes) -> Caller:
    if name != "LitServe":
        return Caller(port, image)
    body = json.dumps({"image": base64.b64encode(image).decode()}).encode()
    return Caller(port, body, content_type="application/json")


def serving_throughput_resnet18() -> Row:
    """Measure requests a second with a model whose predictions take long."""
    image = photo("0.3mp")
    rates: dict[str, list[float]] = {"ours": [], "limit": []}
    with tempfile.TemporaryDirectory() as base, ExitStack() as stack:
        model = Path(base) / "model"
        write_resnet18(model)
        bare = stack.enter_context(_bare(model, image))
        caller = Caller(stack.enter_context(servers.ours(Path(base))).port, image)
        for _ in range(_ROUNDS):
            rates["limit"].append(bare()[0])
            rates["ours"].append(caller.closed_loop(_SLICE_SECONDS).rate)
    return row("serving_throughput_resnet18", "requests/s", rates, higher_is_better=True)


def serving_monitoring() -> Row:
    """Measure requests with statistics and embedding; the limit is without them.

    They are counted for each second of the server's processor time: what is looked for is
    smaller than what else the machine does from one moment to the next.
    """
    rates: dict[str, list[float]] = {"ours": [], "limit": []}
    with tempfile.TemporaryDirectory() as base, ExitStack() as stack:
        write_small_cnn(Path(base) / "model")
        server = stack.enter_context(servers.ours(Path(base)))
        image = photo("0.3mp")
        callers = {
            "limit": Caller(server.port, image),
            "ours": Caller(server.port, image, attributes="monitoring=true"),
        }
        for number in range(_PAIRS + 1):
            for name in sorted(callers, reverse=bool(number % 2)):
                before = server.processor_seconds()
                requests = len(callers[name].closed_loop(_PAIR_SECONDS).latencies)
                if number:  # the first round warms
                    rates[name].append(requests / (server.processor_seconds() - before))
    return row("serving_monitoring", "requests/s of a core", rates, higher_is_better=True)


def serving_memory_per_model() -> Row:
    """Measure what each further small model takes in all worker processes together."""
    with tempfile.TemporaryDirectory() as base:
        names = [f"model-{number}" for number in range(_FURTHER_MODELS + 1)]
        for name in names:
            write_small_cnn(Path(base) / "models" / name)
        held = []
        with servers.ours(Path(base), SAGEMAKER_MULTI_MODEL="true") as server:
            for name in names:
                _load(server.port, name, Path(base) / "models" / name)
                caller = Caller(server.port, photo("0.3mp"), path=f"/models/{name}/invoke")
                caller.closed_loop(_PAIR_SECONDS)
                held.append(server.memory())
    steps = [after - before for before, after in pairwise(held)]
    return row("serving_memory_per_model", "MiB", {"ours": steps})


def serving_start() -> Row:
    """Measure from the process's start to the open port, behind which the model is warm."""
    samples = []
    with tempfile.TemporaryDirectory() as base:
        write_small_cnn(Path(base) / "model")
        for _ in range(_ROUNDS):
            with servers.ours(Path(base)) as server:
                samples.append(server.start_seconds)
    return row("serving_start", "s", {"ours": samples})


def _load(port: int, name: str, folder: Path) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/models",
        json.dumps({"model_name": name, "url": str(folder)}).encode(),
    )
    urllib.request.urlopen(request, timeout=30).close()


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
