"""SageMaker's high-level SDK works against the embedded AWS, as Studio's users expect."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.functional.sagemaker.test_training_jobs import packed
from tests.functional.sagemaker.world import World
from visionml.local.state import State

LAUNCH = Path(__file__).parent / "sdk" / "launch.py"
CONFIG = """
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


def test_a_model_trainer_trains_a_script(world: World, aws_local: State, tmp_path: Path) -> None:
    channel = world.put(f"data/{world.name()}", {"1.txt": "1"})
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(LAUNCH), world.image, world.role, world.bucket, channel],
        env={
            **aws_local.environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "SAGEMAKER_VALIDATE_ROLE": "false",
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    job = world.trained(told["job"])
    assert job["TrainingJobStatus"] == "Completed"
    assert told["model"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert packed(world, job) == {"model.txt": b"2 ['1.txt']"}
