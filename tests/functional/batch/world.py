"""A queue, roles and a tiny image, with which the embedded AWS Batch is tried."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.sagemaker.world import allow, until
from visionml.aws.session import Aws
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import ACCOUNT, REGION, Project

REPOSITORY = "batch-tests"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:1"
PROGRAMS = Path(__file__).parent / "programs"
NETWORK = {"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
DOCKERFILE = """
FROM public.ecr.aws/docker/library/python:3.11-slim
WORKDIR /opt/program
COPY . /opt/program
ENV PATH=/opt/program/bin:$PATH COLOUR=blue
ENTRYPOINT ["run"]
CMD ["echo", "the image's own command"]
"""


@dataclass(frozen=True)
class World:
    """What a test needs to try the embedded AWS Batch."""

    aws: Aws
    batch: Any
    job_role: str
    execution_role: str
    queue: str
    """Of an EC2 environment with four vCPUs, called as its queue is."""

    @staticmethod
    def name(stem: str = "job") -> str:
        """Return a name that no other test has."""
        return f"{stem}-{uuid4().hex[:12]}"

    def environment(self, kind: str = "EC2", **resources: Any) -> str:
        """Create a compute environment and return its name."""
        name = self.name("environment")
        given = {"type": kind, "maxvCpus": 4, **NETWORK, **resources}
        self.batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=given
        )
        return name

    def queue_of(self, *environments: str, priority: int = 1) -> str:
        """Create a queue with environments in an order and return its name."""
        name = self.name("queue")
        order = [
            {"order": number, "computeEnvironment": each}
            for number, each in enumerate(environments, start=1)
        ]
        self.batch.create_job_queue(
            jobQueueName=name, priority=priority, computeEnvironmentOrder=order
        )
        return name

    def define(self, *command: str, vcpus: str = "1", **more: Any) -> str:
        """Register a job definition of a command and return its ARN."""
        needs = {"VCPU": vcpus, "MEMORY": "512"}
        container = {
            "image": IMAGE,
            "command": list(command),
            "resourceRequirements": [{"type": k, "value": v} for k, v in needs.items()],
            **more.pop("container", {}),
        }
        made = self.batch.register_job_definition(
            jobDefinitionName=more.pop("name", None) or self.name("definition"),
            type="container",
            containerProperties=container,
            **more,
        )
        return str(made["jobDefinitionArn"])

    def submit(self, definition: str, **more: Any) -> str:
        """Submit a job and return its id."""
        given = {"jobName": self.name(), "jobQueue": self.queue, **more}
        return str(self.batch.submit_job(jobDefinition=definition, **given)["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job's description."""
        found: dict[str, Any] = self.batch.describe_jobs(jobs=[job_id])["jobs"][0]
        return found

    def reached(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until a job has one of some statuses."""
        return until(lambda: self.job(job_id), lambda seen: seen["status"] in statuses)

    def ended(self, job_id: str) -> dict[str, Any]:
        """Wait for a job's end."""
        return self.reached(job_id, "SUCCEEDED", "FAILED")

    def run(self, *command: str, **more: Any) -> dict[str, Any]:
        """Run a command as a job to its end and return its description."""
        return self.ended(self.submit(self.define(*command, **more)))

    def log(self, job: dict[str, Any], group: str = "/aws/batch/job") -> list[str]:
        """Return what a job's container has printed."""
        events = self.aws.logs.get_log_events(
            logGroupName=group,
            logStreamName=job["container"]["logStreamName"],
            startFromHead=True,
        )["events"]
        return [event["message"] for event in events]


@pytest.fixture(scope="session")
def world(aws: Aws, local_project: Project, tmp_path_factory: pytest.TempPathFactory) -> World:
    """An environment with its queue, two roles, and an image with an entry point."""
    context = tmp_path_factory.mktemp("batch-image")
    shutil.copytree(PROGRAMS, context / "bin")
    (context / "Dockerfile").write_text(DOCKERFILE.lstrip(), encoding="utf-8")
    aws.client("ecr").create_repository(repositoryName=REPOSITORY)
    publish_image(aws, local_project.images, ImageAsset(context, "Dockerfile", REPOSITORY, "1"))
    tasks = "ecs-tasks.amazonaws.com"
    job = allow(aws, "batch-tests-job", ("s3:ListAllMyBuckets", "*"), service=tasks)
    secrets = ["secretsmanager:GetSecretValue"]
    rights = (["ecr:*", "logs:*", *secrets], "*")
    execution = allow(aws, "batch-tests-execution", rights, service=tasks)
    made = World(aws, aws.client("batch"), job, execution, "batch-tests")
    environment = made.environment()
    made.batch.create_job_queue(
        jobQueueName=made.queue,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    return made
