"""The evaluation job, as SageMaker starts it."""

import tarfile
from pathlib import Path

import pytest

from tests.fakes.colours import BLIND, CLASSES, write_model, write_split
from visionml.contracts.container import MlFolder
from visionml.contracts.evaluation import EvaluationReport
from visionml.evaluation import job
from visionml.model import artefact


@pytest.fixture
def ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlFolder:
    """A job's folder with a model and a holdout."""
    ml = MlFolder(tmp_path / "ml")
    write_split(ml.processing / "holdout", list(CLASSES) * 10, [0, 1, 2] * 10)
    (ml.processing / "model").mkdir()
    artefact.pack(write_model(tmp_path / "model"), ml.processing / "model" / "model.tar.gz")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(ml.base))
    return ml


def report(ml: MlFolder) -> EvaluationReport:
    text = (ml.processing / "evaluation" / "report.json").read_text()
    return EvaluationReport.model_validate_json(text)


def test_the_job_leaves_its_report_where_sagemaker_takes_it(
    ml: MlFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="visionml")
    assert job.main([]) == 0
    assert report(ml).accuracy == 1
    assert (report(ml).threshold, report(ml).comparison) == (None, None)
    assert "images=30 accuracy=1.0000 macro_recall=1.0000 ece=0.0" in caplog.text
    assert "latency_p99_ms=" in caplog.text


def test_validation_and_champion_are_used_when_they_are_given(ml: MlFolder, tmp_path: Path) -> None:
    write_split(ml.processing / "validation", list(CLASSES) * 5, [0, 1, 2] * 5)
    (ml.processing / "champion").mkdir()
    champion = write_model(tmp_path / "champion", BLIND, version="run-20261101-100000-0000")
    artefact.pack(champion, ml.processing / "champion" / "model.tar.gz")
    assert job.main(["--answered-accuracy", "0.9"]) == 0
    found = report(ml)
    assert found.threshold is not None
    assert (found.threshold.target_accuracy, found.threshold.images) == (0.9, 15)
    assert found.comparison is not None
    assert (found.comparison.champion_version, found.comparison.better) == (
        "run-20261101-100000-0000",
        True,
    )


def test_the_job_says_which_file_the_artefact_lacks(ml: MlFolder) -> None:
    (ml.processing / "model" / "model.tar.gz").write_bytes(b"not an archive")
    assert job.main([]) == 1
    assert "model.tar.gz cannot be unpacked" in ml.message.read_text()
    assert not (ml.processing / "evaluation").exists()


def test_an_artefact_without_its_record_is_not_evaluated(ml: MlFolder, tmp_path: Path) -> None:
    with tarfile.open(ml.processing / "model" / "model.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "model" / "model.onnx", arcname="model.onnx")
    assert job.main([]) == 1
    assert "has no model.json" in ml.message.read_text()


def test_a_holdout_without_images_is_not_evaluated(ml: MlFolder) -> None:
    for path in (ml.processing / "holdout").iterdir():
        path.unlink()
    assert job.main([]) == 1
    assert "holds no shards: this split has no images" in ml.message.read_text()
