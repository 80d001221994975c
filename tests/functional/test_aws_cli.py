"""A stock AWS CLI, set up by nothing but ``eval "$(visionml local env)"``."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.platform import Deployed, Trained
from visionml.contracts.deployment import DeploymentOutcome
from visionml.local.state import Project

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def aws_cli() -> Path:
    path = ROOT / ".venv-aws" / "bin" / "aws"
    assert path.exists(), "The AWS CLI is not installed: run `make aws-cli`."
    return path


def shell(project: Project, command: str) -> str:
    """Run a command in a shell that has evaluated the exports."""
    script = f'eval "$({BIN / "visionml"} local env)" && {command}'
    answer = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.folder.parent,
        env={"PATH": "/usr/bin:/bin", "HOME": str(project.folder), "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def asked(project: Project, aws_cli: Path, command: str) -> Any:
    return json.loads(shell(project, f"{aws_cli} {command} --output json"))


def test_it_lists_the_buckets(platform: Deployed, local_project: Project, aws_cli: Path) -> None:
    found = asked(local_project, aws_cli, "s3api list-buckets")
    assert platform.session.names.bucket("raw", "000000000000") in {
        bucket["Name"] for bucket in found["Buckets"]
    }


def test_it_describes_the_training_job(
    trained: Trained, local_project: Project, aws_cli: Path
) -> None:
    job = f"sagemaker describe-training-job --training-job-name {trained.run.run_id}-train"
    found = asked(local_project, aws_cli, job)
    assert found["TrainingJobStatus"] == "Completed"
    assert found["ModelArtifacts"]["S3ModelArtifacts"].endswith("model.tar.gz")


def test_it_invokes_the_endpoint(
    platform: Deployed,
    promoted: DeploymentOutcome,
    local_project: Project,
    aws_cli: Path,
    tmp_path: Path,
) -> None:
    (sample,) = platform.dataset.samples(1, split="holdout")[:1]
    image, answer = tmp_path / "image.png", tmp_path / "answer.json"
    image.write_bytes(sample.content)
    invoke = (
        f"sagemaker-runtime invoke-endpoint --endpoint-name {platform.session.names.endpoint} "
        f"--content-type image/png --body fileb://{image} {answer}"
    )
    assert asked(local_project, aws_cli, invoke)["InvokedProductionVariant"] == "ModelA"
    assert json.loads(answer.read_text())["model_version"] == promoted.model_version
