"""The evaluation job: ``evaluate``, as SageMaker starts it, from artefact and holdout to a report.

Reads ``processing/model/model.tar.gz`` and the shards in ``processing/holdout``. Two further
inputs may be absent: the shards in ``processing/validation``, on which the threshold is chosen,
and ``processing/champion/model.tar.gz``, the model that serves, with which the new one is
compared. Writes ``processing/evaluation/report.json``.
"""

import argparse
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from visionml.contracts import layout
from visionml.contracts.container import MlFolder, run_job
from visionml.contracts.evaluation import EvaluationReport
from visionml.dataset.shards import Shards
from visionml.evaluation.report import ANSWERED_ACCURACY, evaluate
from visionml.model import artefact
from visionml.model.predict import Predictor

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job in this process; return its exit code."""
    parser = argparse.ArgumentParser("evaluate", description=__doc__)
    parser.add_argument(
        "--answered-accuracy",
        type=float,
        default=ANSWERED_ACCURACY,
        help="accuracy that the images above the threshold must reach on validation",
    )
    options = parser.parse_args(arguments)
    ml = MlFolder.read()
    return run_job(
        lambda: run(ml, answered_accuracy=options.answered_accuracy), reason_file=ml.message
    )


def run(ml: MlFolder, *, answered_accuracy: float = ANSWERED_ACCURACY) -> EvaluationReport:
    """Evaluate the model of the job's input and write the report."""
    champion = ml.processing / "champion" / layout.ARTEFACT
    validation = ml.processing / "validation"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artefact.unpack(ml.processing / "model" / layout.ARTEFACT, folder)
        report = evaluate(
            Predictor(folder, threads=os.cpu_count() or 1),
            Shards(ml.processing / "holdout"),
            validation=Shards(validation) if validation.is_dir() else None,
            champion=champion if champion.is_file() else None,
            single=Predictor(folder, threads=1),
            answered_accuracy=answered_accuracy,
        )
    output = ml.processing / "evaluation"
    output.mkdir(parents=True, exist_ok=True)
    (output / layout.EVALUATION_REPORT).write_text(report.model_dump_json(), encoding="utf-8")
    _tell(report)
    return report


def _tell(report: EvaluationReport) -> None:
    figures = {
        "accuracy": report.accuracy,
        "macro_recall": report.macro_recall,
        "ece": report.calibration.ece if report.calibration else None,
        "latency_p99_ms": report.latency_ms.p99 if report.latency_ms else None,
        "images_per_second": report.images_per_second,
    }
    told = " ".join(f"{name}={value:.4f}" for name, value in figures.items() if value is not None)
    log.info("model=%s images=%d %s", report.model_version, report.images, told)
    if report.comparison:
        log.info("The model %s: %s.", report.model_version, report.comparison.reason)
