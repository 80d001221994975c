"""A training job whose spot instances are taken away ends with the model of one left alone."""

import io
import re
import tarfile
from typing import Any

from tests.functional.platform import Deployed, Trained
from tests.functional.waiting import until
from visionml.aws.logs import TRAINING_JOBS, lines
from visionml.aws.session import Aws
from visionml.contracts.model import RECORD_FILE, ModelRecord
from visionml.errors import NotFound
from visionml.local import spot
from visionml.local.state import State

SAME = (
    "RoleArn",
    "AlgorithmSpecification",
    "HyperParameters",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableManagedSpotTraining",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
)


def described(aws: Aws, job: str) -> dict[str, Any]:
    return dict(aws.sagemaker.describe_training_job(TrainingJobName=job))


def record(aws: Aws, job: str) -> ModelRecord:
    uri = described(aws, job)["ModelArtifacts"]["S3ModelArtifacts"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        file = tar.extractfile(RECORD_FILE)
        assert file
        return ModelRecord.model_validate_json(file.read())


def epochs(aws: Aws, job: str) -> list[int]:
    """Return the epochs that a job has gone through, in order and with repetitions."""
    try:
        told = [line.text for line in lines(aws.logs, TRAINING_JOBS, stream_prefix=f"{job}/")]
    except NotFound:
        return []
    return [int(found[1]) for text in told if (found := re.search(r"\bepoch=(\d+)", text))]


def test_an_interrupted_job_ends_with_the_same_record(
    platform: Deployed, trained: Trained, aws_local: State
) -> None:
    aws, first = platform.session.aws, f"{trained.run.run_id}-train"
    request = {name: value for name, value in described(aws, first).items() if name in SAME}
    checkpoints = described(aws, first)["CheckpointConfig"]["S3Uri"]
    again = f"{trained.run.run_id}-again"
    aws.sagemaker.create_training_job(
        TrainingJobName=again, CheckpointConfig={"S3Uri": f"{checkpoints}/again"}, **request
    )
    until(lambda: epochs(aws, again), every_seconds=0.02)
    spot.interrupt(aws_local, again, grace_seconds=20)
    until(lambda: described(aws, again)["TrainingJobStatus"] != "InProgress")
    job = described(aws, again)
    assert job["TrainingJobStatus"] == "Completed", job
    assert [each["Status"] for each in job["SecondaryStatusTransitions"]].count("Interrupted") == 1
    gone_through = epochs(aws, again)
    assert sorted(set(gone_through)) == list(range(1, max(gone_through) + 1))
    assert len(gone_through) <= max(gone_through) + 1  # at most one epoch was lost
    same = {"created": None}
    assert record(aws, again).model_copy(update=same) == record(aws, first).model_copy(update=same)
