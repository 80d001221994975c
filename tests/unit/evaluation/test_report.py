"""A model's report on the holdout."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from visionml.contracts.container import MlFolder
from visionml.contracts.dataset import ManifestEntry
from visionml.contracts.evaluation import EvaluationReport
from visionml.contracts.model import InputRecord, ModelRecord
from visionml.dataset.shards import Shards, write_shard
from visionml.errors import InvalidInput
from visionml.evaluation import job
from visionml.evaluation.report import evaluate
from visionml.model import artefact
from visionml.model.predict import Predictor

CLASSES = ("red", "green", "blue")


def colour_model() -> bytes:
    """Return a graph that names the strongest colour: its logits are the channels' means."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
            helper.make_node("Flatten", ["means"], ["logits"]),
        ],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def model(tmp_path: Path) -> Path:
    graph = colour_model()
    record = ModelRecord(
        version="run-20261120-100000-abcd",
        architecture="colours",
        hyperparameters={},
        classes=CLASSES,
        input=InputRecord(height=2, width=2, mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1)),
        dataset="colours",
        dataset_version="v1",
        code_version="c0de",
        seed=0,
        metrics={},
        onnx_sha256=artefact.digest(graph),
        opset=18,
        created=datetime(2026, 11, 20, tzinfo=UTC),
    )
    artefact.write(tmp_path / "model", graph, record)
    return tmp_path / "model"


def holdout(folder: Path, labels: list[str], colours: list[int], *, strength: int = 255) -> Shards:
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    for image, colour in zip(images, colours, strict=True):
        image[..., colour] = strength
    rows = [
        ManifestEntry(
            key=f"images/colours/{label}/{number}.png",
            label=label,
            split="holdout",
            sha256="0",
            width=2,
            height=2,
            format="png",
            bytes=1,
        )
        for number, label in enumerate(labels)
    ]
    write_shard(folder, "part-00-00000", images, rows)
    return Shards(folder)


def test_every_image_is_counted_and_every_error_named(tmp_path: Path, model: Path) -> None:
    labels = ["red"] * 4 + ["green"] * 3 + ["blue"] * 3
    colours = [0, 0, 0, 2, 1, 1, 1, 2, 2, 0]
    report = evaluate(Predictor(model), holdout(tmp_path / "h", labels, colours))
    assert report.images == 10
    assert report.accuracy == pytest.approx(0.8)
    assert report.confusion == [[3, 0, 1], [0, 3, 0], [1, 0, 2]]
    assert list(report.classes) == list(CLASSES)
    assert report.classes["blue"].recall == pytest.approx(2 / 3)
    assert [(item.label, item.predicted) for item in report.misread] == [
        ("red", "blue"),
        ("blue", "red"),
    ]
    assert report.misread[0].key == "images/colours/red/3.png"
    assert report.misread[0].probability > 0.9
    assert (report.dataset, report.dataset_version) == ("colours", "v1")


def test_at_most_a_hundred_errors_are_named(tmp_path: Path, model: Path) -> None:
    report = evaluate(Predictor(model), holdout(tmp_path / "h", ["red"] * 130, [1] * 130))
    assert report.accuracy == 0
    assert len(report.misread) == 100


def test_a_holdout_of_another_dataset_is_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InvalidInput, match="classes that the model does not know: cat"):
        evaluate(Predictor(model), holdout(tmp_path / "h", ["red", "cat"], [0, 1]))


def test_the_job_leaves_its_report_where_sagemaker_takes_it(tmp_path: Path, model: Path) -> None:
    ml = MlFolder(tmp_path / "ml")
    holdout(ml.processing / "holdout", list(CLASSES), [0, 1, 2])
    (ml.processing / "model").mkdir()
    artefact.pack(model, ml.processing / "model" / "model.tar.gz")
    report = job.run(ml)
    text = (ml.processing / "evaluation" / "report.json").read_text()
    assert EvaluationReport.model_validate_json(text) == report
    assert report.accuracy == 1


def test_the_job_says_which_file_the_artefact_lacks(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ml = MlFolder(tmp_path / "ml")
    holdout(ml.processing / "holdout", ["red"], [0])
    (ml.processing / "model").mkdir()
    archive = artefact.pack(model, ml.processing / "model" / "model.tar.gz")
    archive.write_bytes(b"not an archive")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(ml.base))
    assert job.main() == 1
    assert "model.tar.gz cannot be unpacked" in ml.message.read_text()
    assert not (ml.processing / "evaluation").exists()
