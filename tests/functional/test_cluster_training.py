"""A training job of two instances trains one model."""

from pathlib import Path
from typing import Any

import pytest

from tests.functional.platform import Deployed, Trained
from tests.functional.waiting import until
from visionml.aws.logs import TRAINING_JOBS, lines
from visionml.model import artefact

SAME = ("RoleArn", "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig")


def test_two_instances_train_one_model(
    platform: Deployed, trained: Trained, tmp_path: Path
) -> None:
    aws, first = platform.session.aws, f"{trained.run.run_id}-train"
    request = aws.sagemaker.describe_training_job(TrainingJobName=first)
    job = f"{trained.run.run_id}-two"
    aws.sagemaker.create_training_job(
        TrainingJobName=job,
        ResourceConfig={**request["ResourceConfig"], "InstanceCount": 2},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        HyperParameters={**request["HyperParameters"], "epochs": "4"},
        **{name: request[name] for name in SAME},  # type: ignore[literal-required]
    )

    def over() -> Any:
        found = aws.sagemaker.describe_training_job(TrainingJobName=job)
        return found if found["TrainingJobStatus"] != "InProgress" else None

    ended = until(over)
    assert ended["TrainingJobStatus"] == "Completed", ended
    bucket, _, key = ended["ModelArtifacts"]["S3ModelArtifacts"][5:].partition("/")
    aws.s3.download_file(bucket, key, str(tmp_path / "model.tar.gz"))
    record = artefact.unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    assert record.compute["processes"] == "2"
    assert record.metrics["validation_accuracy"] > 0.9
    metrics = {each["MetricName"]: each["Value"] for each in ended["FinalMetricDataList"]}
    assert metrics["validation_accuracy"] == pytest.approx(
        record.metrics["validation_accuracy"], abs=0.05
    )
    said = [line.text for line in lines(aws.logs, TRAINING_JOBS, stream_prefix=f"{job}/")]
    assert sum(text.startswith("epoch=") for text in said) == 4
