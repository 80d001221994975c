"""What the embedded control plane adds to a training job, beside the user's own program."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.record import Row, row
from visionml.aws.session import Aws
from visionml.errors import VisionmlError
from visionml.local import control
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import ACCOUNT, FOLDER, REGION, Project

ROUNDS = 7
LONGEST_SECONDS = 60.0

_NAME = "bench"
_BUCKET = f"{_NAME}-{ACCOUNT}"
_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{_NAME}:1"
_INPUTS = 20
_INPUT_BYTES = 500_000

_DOCKERFILE = """FROM public.ecr.aws/docker/library/python:3.11-slim
COPY . /opt/program
ENV PATH=/opt/program:$PATH PYTHONUNBUFFERED=1
"""
_TRAIN = """#!/usr/bin/env python3
import time
began = time.time()
import os
from pathlib import Path
ml = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
read = sum(len(path.read_bytes()) for path in (ml / "input/data/train").iterdir())
time.sleep(0.5)
(ml / "model/model.onnx").write_bytes(os.urandom(2_000_000))
print(f"read={read} seconds={time.time() - began:.4f}")
"""


def control_plane_overhead() -> Row:
    """From CreateTrainingJob to Completed, without the seconds of the job's own program.

    The job reads 10 MB from S3 and leaves a model of 2 MB.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder) / FOLDER)
        try:
            aws = control.up(project).connect()
            request = _world(aws, project, Path(folder) / "image")
            _overhead(aws, request, "warm-up")
            samples = [_overhead(aws, request, f"job-{number}") for number in range(ROUNDS)]
        finally:
            control.down(project)
    return row("control_plane_overhead", "s", {"ours": samples})


def _world(aws: Aws, project: Project, context: Path) -> dict[str, Any]:
    context.mkdir()
    (context / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    (context / "train").write_text(_TRAIN, encoding="utf-8")
    (context / "train").chmod(0o755)
    aws.client("ecr").create_repository(repositoryName=_NAME)
    publish_image(aws, project.images, ImageAsset(context, "Dockerfile", _NAME, "1"))
    aws.s3.create_bucket(Bucket=_BUCKET)
    for number in range(_INPUTS):
        aws.s3.put_object(Bucket=_BUCKET, Key=f"train/{number}", Body=bytes(_INPUT_BYTES))
    return {
        "RoleArn": _role(aws),
        "AlgorithmSpecification": {"TrainingImage": _IMAGE, "TrainingInputMode": "File"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": f"s3://{_BUCKET}/train/",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{_BUCKET}/models"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def _role(aws: Aws) -> str:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    grants = [
        {"Effect": "Allow", "Action": actions, "Resource": resources}
        for actions, resources in (
            (["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{_BUCKET}/*"),
            (["s3:ListBucket"], f"arn:aws:s3:::{_BUCKET}"),
            (["ecr:*", "logs:*", "cloudwatch:PutMetricData"], "*"),
        )
    ]
    iam = aws.client("iam")
    role = iam.create_role(RoleName=_NAME, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=_NAME, PolicyName="grants", PolicyDocument=_document(*grants))
    return str(role["Role"]["Arn"])


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _overhead(aws: Aws, request: dict[str, Any], name: str) -> float:
    began = time.perf_counter()
    aws.sagemaker.create_training_job(TrainingJobName=name, **request)
    while True:
        job = aws.sagemaker.describe_training_job(TrainingJobName=name)
        seconds = time.perf_counter() - began
        if job["TrainingJobStatus"] not in {"InProgress", "Stopping"}:
            break
        if seconds > LONGEST_SECONDS:
            raise VisionmlError(f"The job {name} has not ended in {LONGEST_SECONDS:.0f} seconds.")
        time.sleep(0.02)
    if job["TrainingJobStatus"] != "Completed":
        raise VisionmlError(f"The job {name} failed: {job.get('FailureReason', '')}")
    return seconds - _own_seconds(aws, name)


def _own_seconds(aws: Aws, name: str) -> float:
    group = "/aws/sagemaker/TrainingJobs"
    stream = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
    events = aws.logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreams"][0]["logStreamName"]
    )["events"]
    line = next(event["message"] for event in events if "seconds=" in event["message"])
    return float(line.rpartition("seconds=")[2])
