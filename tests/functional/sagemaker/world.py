"""A role, a bucket and a tiny image, with which the embedded SageMaker is tried."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.waiting import PATIENCE_SECONDS
from visionml.aws.session import Aws
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import ACCOUNT, REGION, Project

ROLE = "sagemaker-tests"
BUCKET = f"sagemaker-tests-{ACCOUNT}"
REPOSITORY = "sagemaker-tests"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:1"
MOVING = {"Creating", "Updating", "RollingBack"}
PROGRAMS = Path(__file__).parent / "programs"

DOCKERFILE = """
FROM public.ecr.aws/docker/library/python:3.11-slim
LABEL com.amazonaws.sagemaker.capabilities.multi-models=true
WORKDIR /opt/program
COPY . /opt/program
ENV PATH=/opt/program/bin:$PATH PYTHONUNBUFFERED=1
"""


@dataclass(frozen=True)
class World:
    """What a test needs to try the embedded SageMaker."""

    aws: Aws
    role: str
    image: str = IMAGE
    bucket: str = BUCKET
    endpoints: list[str] = field(default_factory=list)
    """The endpoints that were created, in order."""

    @staticmethod
    def name(stem: str = "job") -> str:
        """Return a name that no other test has."""
        return f"{stem}-{uuid4().hex[:12]}"

    def put(self, prefix: str, files: Mapping[str, str]) -> str:
        """Upload small files and return their prefix as a URI."""
        for name, text in files.items():
            self.aws.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=text.encode())
        return f"s3://{BUCKET}/{prefix}/"

    def read(self, uri: str) -> bytes:
        """Return an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def training(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return the request of a training job."""
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        return {**request, **changes}

    def train(self, name: str | None = None, **changes: Any) -> dict[str, Any]:
        """Run a training job to its end and return its description."""
        name = name or self.name()
        self.aws.sagemaker.create_training_job(**self.training(name, **changes))
        return self.trained(name)

    def trained(self, name: str) -> dict[str, Any]:
        """Wait for the end of a training job."""
        return until(
            lambda: dict(self.aws.sagemaker.describe_training_job(TrainingJobName=name)),
            lambda job: job["TrainingJobStatus"] not in {"InProgress", "Stopping"},
        )

    def log(self, training_job: str) -> list[str]:
        """Return what the containers of a training job have printed so far."""
        group = "/aws/sagemaker/TrainingJobs"
        logs = self.aws.logs
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):  # not begun yet
            streams = logs.describe_log_streams(
                logGroupName=group, logStreamNamePrefix=f"{training_job}/"
            )["logStreams"]
            return [
                event["message"]
                for stream in streams
                for event in logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
        return []

    def model(self, **environment: str) -> str:
        """Create a model without an artefact and return its name."""
        name = self.name("model")
        self.aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.role,
            PrimaryContainer={"Image": IMAGE, "Environment": environment},
        )
        return name

    def config(
        self,
        *models: str,
        weights: tuple[float, ...] = (),
        count: int = 1,
        shadow: str | None = None,
    ) -> str:
        """Create an endpoint configuration with a variant per model and return its name."""
        name = self.name("config")
        variants = [
            _variant(f"Model{'AB'[number]}", model, count, weights[number] if weights else 1.0)
            for number, model in enumerate(models)
        ]
        shadows = [_variant("Shadow", shadow, count, 1.0)] if shadow else []
        more: Any = {"ShadowProductionVariants": shadows} if shadows else {}
        self.aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **more
        )
        return name

    def endpoint(self, config: str, **more: Any) -> str:
        """Create an endpoint, wait until it has settled, return its name."""
        name = self.name("endpoint")
        self.aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **more)
        self.endpoints.append(name)
        self.settled(name)
        return name

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until an endpoint neither comes nor changes."""
        return until(
            lambda: dict(self.aws.sagemaker.describe_endpoint(EndpointName=name)),
            lambda endpoint: endpoint["EndpointStatus"] not in MOVING,
        )

    def ask(self, endpoint: str, body: bytes = b"hello", **changes: Any) -> str:
        """Invoke an endpoint and return its answer."""
        reply = self.aws.sagemaker_runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, **changes
        )
        return reply["Body"].read().decode()


def _variant(name: str, model: str, count: int, weight: float) -> Any:
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": count,
        "InitialVariantWeight": weight,
    }


def until(
    look: Callable[[], dict[str, Any]], done: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Look until something is done, at most `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    return seen


def allow(aws: Aws, role: str, *grants: tuple[str | list[str], str], service: str) -> str:
    """Create a role that a service assumes, with these (actions, resource) pairs."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam = aws.client("iam")
    created = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(_document(trust)))
    statements = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in grants]
    iam.put_role_policy(
        RoleName=role, PolicyName="grants", PolicyDocument=json.dumps(_document(*statements))
    )
    return str(created["Role"]["Arn"])


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture(scope="session")
def world(aws: Aws, local_project: Project, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A role that may do what jobs and endpoints need, a bucket, and an image with all programs."""
    context = tmp_path_factory.mktemp("image")
    shutil.copytree(PROGRAMS, context / "bin")
    (context / "Dockerfile").write_text(DOCKERFILE.lstrip(), encoding="utf-8")
    aws.client("ecr").create_repository(repositoryName=REPOSITORY)
    asset = ImageAsset(context, "Dockerfile", REPOSITORY, "1")
    publish_image(aws, local_project.images, asset)
    aws.s3.create_bucket(Bucket=BUCKET)
    role = allow(
        aws,
        ROLE,
        (["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{BUCKET}/*"),
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
        (["ecr:*", "logs:*", "cloudwatch:PutMetricData", "cloudwatch:DescribeAlarms"], "*"),
        service="sagemaker.amazonaws.com",
    )
    return World(aws, role)
