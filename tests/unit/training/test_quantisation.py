"""An int8 graph is shipped only if it stays as accurate as was asked for."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from tests.fakes.loops import run
from tests.fakes.models import brightness_graph
from visionml.contracts.container import MlFolder
from visionml.model.export import to_onnx
from visionml.model.quantise import to_int8
from visionml.training import data, quantisation
from visionml.training import job as training
from visionml.training.hyperparameters import Hyperparameters

Job = Callable[..., MlFolder]


def settings(**changed: object) -> Hyperparameters:
    given = {"run_id": "run-20261120-100000-abcd", "dataset": "d", "dataset_version": "1"}
    return Hyperparameters.model_validate({**given, "quantise": "int8", **changed})


@pytest.fixture
def images(job: Job) -> data.TrainingData:
    ml = job("images")
    return data.load(train=ml.channel("train"), validation=ml.channel("validation"), image_size=16)


def test_a_job_ships_int8_that_is_as_accurate_and_says_so(job: Job) -> None:
    ml = job(quantise="int8", maximum_quantisation_loss="5", epochs="6", width="8")
    record = training.run(ml)
    assert record is not None
    decided = record.quantisation
    assert decided is not None
    assert decided.kept, decided
    assert decided.int8_accuracy is not None
    assert decided.float_accuracy == record.metrics["validation_accuracy"]
    assert decided.int8_accuracy >= decided.float_accuracy - 0.05
    assert decided.maximum_loss == 5
    assert decided.calibration_images == 210
    model = onnx.load(ml.model / "model.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}


def test_int8_is_made_on_request_only(images: data.TrainingData) -> None:
    assert quantisation.quantised(b"graph", images, settings(quantise="none")) == (b"graph", None)


def test_what_loses_more_than_allowed_is_refused(
    job: Job, images: data.TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, module = run(job("trained"))
    graph = to_onnx(module, height=16, width=16)
    monkeypatch.setattr(quantisation, "to_int8", lambda *_: brightness_graph(16))
    shipped, record = quantisation.quantised(graph, images, settings())
    assert shipped == graph
    assert record is not None
    assert not record.kept
    assert "points of accuracy; 0.5 are allowed" in record.reason
    assert record.int8_accuracy is not None
    assert record.int8_accuracy < record.float_accuracy
    everything = settings(maximum_quantisation_loss=100)
    assert quantisation.quantised(graph, images, everything)[0] == brightness_graph(16)


def test_a_graph_that_cannot_be_quantised_is_shipped_as_it_is(
    images: data.TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise NotImplementedError("no such layer")

    monkeypatch.setattr(quantisation, "to_int8", fail)
    graph = brightness_graph(16)
    shipped, record = quantisation.quantised(graph, images, settings())
    assert shipped == graph
    assert record is not None
    assert (record.kept, record.int8_accuracy) == (False, None)
    assert record.reason == "it cannot be quantised: NotImplementedError: no such layer"


def test_accuracy_is_measured_as_the_graph_will_serve(images: data.TrainingData) -> None:
    """The brightness graph says 0 for dark images and 1 for light ones."""
    split = images.validation
    pixels = split.shards.pixels(np.arange(len(split)))
    light = (pixels.mean((1, 2, 3)) > 127.5).astype(np.int64)
    expected = float(np.mean(light == split.targets))
    assert quantisation.accuracy(brightness_graph(16), split) == expected


def test_an_int8_graph_takes_batches_of_any_size() -> None:
    import onnxruntime  # noqa: PLC0415

    random = np.random.default_rng(0)
    batches = [random.normal(size=(4, 3, 8, 8)).astype(np.float32) for _ in range(3)]
    made = to_int8(brightness_graph(8), iter(batches))
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        batch = random.normal(size=(count, 3, 8, 8)).astype(np.float32)
        (logits,) = session.run(None, {"pixels": batch})
        wanted = batch.mean((2, 3)).sum(1)
        assert np.allclose(logits[:, 1], wanted, atol=0.05)
