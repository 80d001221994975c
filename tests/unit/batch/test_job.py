"""The program's exit codes are what AWS Batch decides by, and SIGTERM ends it at once."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from visionml.batch.job import ended
from visionml.contracts.batch import PartReport
from visionml.contracts.environment import BatchChild, BatchJobEnvironment
from visionml.errors import AccessDenied, Conflict, InvalidInput, NotFound, Unavailable

REPORT = PartReport(part=0, inputs=1, results=0, failures=1, files=(), seconds=1, attempt=1)
PROGRAM = Path(__file__).parents[3] / "infra" / "images" / "vision" / "bin" / "batch"
WAIT_SECONDS = 60


def raising(error: Exception) -> Callable[[], PartReport]:
    def work() -> PartReport:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("There is no plan."), 2),
        (InvalidInput("There is no such part."), 2),
        (AccessDenied("The role may not."), 2),
        (Unavailable("Throttled."), 75),
        (Conflict("Written by somebody else."), 75),
        (RuntimeError("Nobody knows."), 1),
    ],
)
def test_an_error_is_an_exit_code_that_says_whether_to_try_again(
    error: Exception, code: int
) -> None:
    assert ended(raising(error)) == code


def test_a_part_with_failed_images_is_done() -> None:
    assert ended(lambda: REPORT) == 0


def test_a_job_without_an_index_is_the_first_child_at_its_first_attempt() -> None:
    child = BatchChild.read({})
    assert (child.aws_batch_job_array_index, child.aws_batch_job_attempt) == (0, 1)
    told = {"AWS_BATCH_JOB_ARRAY_INDEX": "7", "AWS_BATCH_JOB_ATTEMPT": "2"}
    child = BatchChild.read(told)
    assert (child.aws_batch_job_array_index, child.aws_batch_job_attempt) == (7, 2)


def test_the_jobs_environment_survives_its_variables() -> None:
    environment = BatchJobEnvironment(results_bucket="results", endpoint_name="endpoint", vcpus=3)
    assert BatchJobEnvironment.read(environment.variables()) == environment


def test_sigterm_ends_the_program_at_once_whatever_it_waits_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(WAIT_SECONDS)
        known = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        aws = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        environment = BatchJobEnvironment(results_bucket="results", endpoint_name="endpoint")
        job = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--run", "night-1"],
            env={**known, **aws, **environment.variables()},
            cwd=PROGRAM.parents[4],
            stdout=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:  # it asks for its plan, and is not answered
            job.send_signal(signal.SIGTERM)
            output, _ = job.communicate(timeout=WAIT_SECONDS)
    assert (job.returncode, output) == (143, "")
