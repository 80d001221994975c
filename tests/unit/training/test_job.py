"""The jobs as SageMaker runs them: processes that read /opt/ml and leave files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import visionml
from tests.fakes.jobs import run as command
from tests.fakes.shards import prepare_inputs
from visionml.contracts.container import MlFolder
from visionml.contracts.evaluation import EvaluationReport
from visionml.model import artefact
from visionml.model.predict import Predictor
from visionml.training import job as training
from visionml.training.job import code_version

GIVEN = {
    "run_id": "run-20261120-100000-abcd",
    "dataset": "digits",
    "dataset_version": "0123456789abcdef",
}


def test_images_become_a_judged_model_that_reads_digits(tmp_path: Path) -> None:
    entries = prepare_inputs(tmp_path, per_class=100)
    prepared, said = command("prepare", tmp_path, "--image-size", "32")
    assert prepared == 0, said
    output = tmp_path / "processing" / "output"
    for split in ("train", "validation"):
        shutil.copytree(output / split, tmp_path / "input" / "data" / split)
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(GIVEN))

    trained, said = command("train", tmp_path)
    assert trained == 0, said
    lines = [line for line in said.splitlines() if line.startswith("epoch=")]
    assert len(lines) == 8
    record = artefact.read(tmp_path / "model")
    assert record.version == GIVEN["run_id"]
    assert record.classes == tuple("0123456789")
    assert record.code_version == code_version()
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json",
        "model.onnx",
    ]

    (tmp_path / "processing" / "model").mkdir()
    artefact.pack(tmp_path / "model", tmp_path / "processing" / "model" / "model.tar.gz")
    (output / "holdout").rename(tmp_path / "processing" / "holdout")
    evaluated, said = command("evaluate", tmp_path)
    assert evaluated == 0, said
    text = (tmp_path / "processing" / "evaluation" / "report.json").read_text()
    report = EvaluationReport.model_validate_json(text)
    assert report.model_version == GIVEN["run_id"]
    assert report.images == sum(entry.split == "holdout" for entry in entries)
    assert report.accuracy >= 0.95


def test_a_wrong_hyperparameter_fails_the_job_with_its_name(
    job: Callable[..., MlFolder],
) -> None:
    ml = job(epochs="many")
    code, said = command("train", ml.base)
    assert code == 1
    assert "epochs = 'many'" in ml.failure.read_text()
    assert "Traceback" not in said
    assert not ml.model.exists()


def test_an_empty_channel_fails_the_job(
    job: Callable[..., MlFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    ml = job()
    shutil.rmtree(ml.channel("validation"))
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(ml.base))
    assert training.main() == 1
    assert "validation holds no shards" in ml.failure.read_text()


def test_the_record_alone_rebuilds_what_is_needed_to_serve(job: Callable[..., MlFolder]) -> None:
    ml = job(epochs="1")
    record = training.run(ml)
    assert record is not None
    assert Predictor(ml.model).record == record
    assert record.hyperparameters["width"] == "4"
    assert (record.input.height, record.input.width) == (16, 16)
    assert record.metrics.keys() == {
        "epoch",
        "train_loss",
        "validation_loss",
        "validation_accuracy",
    }


def test_the_code_version_follows_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visionml, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "a.py").write_text("1")
    first = code_version()
    (tmp_path / "a.py").write_text("2")
    assert len(first) == 12
    assert code_version() != first
