"""The evaluation job: ``evaluate``, as SageMaker starts it, from artefact and holdout to a report.

Reads ``processing/model/model.tar.gz`` and the shards in ``processing/holdout``; writes
``processing/evaluation/report.json``.
"""

import logging
import os
import tempfile
from pathlib import Path

from visionml.contracts import layout
from visionml.contracts.container import MlFolder, run_job
from visionml.contracts.evaluation import EvaluationReport
from visionml.dataset.shards import Shards
from visionml.evaluation.report import evaluate
from visionml.model import artefact
from visionml.model.predict import Predictor

log = logging.getLogger(__name__)


def main() -> int:
    """Run the job in this process; return its exit code."""
    ml = MlFolder.read()
    return run_job(lambda: run(ml), reason_file=ml.message)


def run(ml: MlFolder) -> EvaluationReport:
    """Evaluate the model of the job's input and write the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artefact.unpack(ml.processing / "model" / layout.ARTEFACT, folder)
        predictor = Predictor(folder, threads=os.cpu_count() or 1)
        report = evaluate(predictor, Shards(ml.processing / "holdout"))
    output = ml.processing / "evaluation"
    output.mkdir(parents=True, exist_ok=True)
    (output / layout.EVALUATION_REPORT).write_text(report.model_dump_json(), encoding="utf-8")
    log.info(
        "model=%s images=%d accuracy=%.4f macro_recall=%.4f images_per_second=%.0f",
        *(report.model_version, report.images, report.accuracy),
        *(report.macro_recall, report.images_per_second),
    )
    return report
