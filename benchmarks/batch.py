"""A batch job that predicts by itself, beside a bare loop over the same model and images.

The model is ResNet-18, the one that ships for photographs, at 224 x 224 pixels.
The job is the program that AWS Batch starts, with one core; S3 and DynamoDB answer from the
others, as they would from elsewhere. Starting and loading the model counts for neither.
"""

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.models import write_resnet18
from benchmarks.photos import photo
from benchmarks.record import Row, row
from visionml.aws.s3 import Objects, uri
from visionml.aws.session import Aws
from visionml.batch.planning import Cut, planned
from visionml.batch.store import Store
from visionml.contracts.batch import BatchRequest
from visionml.contracts.environment import BatchJobEnvironment
from visionml.contracts.registry import VersionRecord
from visionml.local import control, processes
from visionml.local.state import ACCOUNT, FOLDER, Project
from visionml.model import artefact

ROUNDS = 5
IMAGES = 200
_NAME = "bench"
_RAW, _RESULTS = f"{_NAME}-raw-{ACCOUNT}", f"{_NAME}-results-{ACCOUNT}"
_PROGRAM = Path(__file__).parents[1] / "infra" / "images" / "vision" / "bin" / "batch"
_ARTEFACT = uri(_RESULTS, "model.tar.gz")


def batch_throughput(rounds: int = ROUNDS, images: int = IMAGES) -> Row:
    """Measure images a second of photographs of 2 megapixels, from S3 to rows in both places."""
    with tempfile.TemporaryDirectory() as base, _cores() as (mine, others):
        folder = Path(base)
        project = Project(folder / FOLDER)
        try:
            state = control.up(project)
            for process in processes.of_project(project.folder):
                process.cpu_affinity(others)
            aws = state.connect()
            _fill(aws, folder, images)
            environment = {**os.environ, **state.environment(), "OMP_WAIT_POLICY": "PASSIVE"}
            samples: dict[str, list[float]] = {"ours": [], "limit": []}
            for number in range(rounds + 1):
                ours = _job(aws, environment, f"{_NAME}-{number}", mine)
                limit = _loop(environment, folder, mine)
                if number:  # the first round warms what reads files
                    samples["ours"].append(ours)
                    samples["limit"].append(limit)
        finally:
            control.down(project)
    return row("batch_throughput", "images/s", samples, higher_is_better=True)


@contextmanager
def _cores() -> Iterator[tuple[int, list[int]]]:
    """Give one core to what is measured, and the others to everything else."""
    before = os.sched_getaffinity(0)
    first, *others = sorted(before)
    try:
        os.sched_setaffinity(0, others or [first])
        yield first, others or [first]
    finally:
        os.sched_setaffinity(0, before)


def _fill(aws: Aws, folder: Path, count: int) -> None:
    for bucket in (_RAW, _RESULTS):
        aws.s3.create_bucket(Bucket=bucket)
    aws.client("dynamodb").create_table(
        TableName=_NAME,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")
        ],
        KeySchema=[
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
    )
    write_resnet18(folder / "model")
    objects, image, images = Objects(aws.s3), photo("2mp"), folder / "images"
    archive = artefact.pack(folder / "model", folder / "model.tar.gz")
    objects.write(_ARTEFACT, archive.read_bytes())
    images.mkdir()
    for number in range(count):
        comment = struct.pack(">HHQ", 0xFFFE, 2 + 8, number)
        content = image[:2] + comment + image[2:]
        (images / f"{number:05}.jpg").write_bytes(content)
        objects.write(uri(_RAW, f"in/{number:05}.jpg"), content)


def _job(aws: Aws, environment: dict[str, str], run_id: str, core: int) -> float:
    """Return how many images a second a job makes rows of."""
    store, now = Store(Objects(aws.s3), _RESULTS), datetime.now(UTC)
    version = VersionRecord(
        version="run-20260101-000000-0000",
        model_package_arn="",
        artefact=_ARTEFACT,
        image="",
        metrics={},
        dataset="none",
        dataset_version="none",
        created=now,
    )
    request = BatchRequest(run_id=run_id, bucket=_RAW, prefix="in/", method="model")
    planned(request, store=store, version=lambda: version, cut=Cut(), now=now)
    job = BatchJobEnvironment(
        results_bucket=_RESULTS, endpoint_name="none", predictions_table=_NAME, vcpus=1
    )
    _on(core, [sys.executable, str(_PROGRAM), "--run", run_id], {**environment, **job.variables()})
    report = store.report(run_id, 0)
    if report is None or report.results != report.inputs:
        raise AssertionError(f"not every image has a result: {report}")
    return report.results / report.seconds


def _loop(environment: dict[str, str], folder: Path, core: int) -> float:
    command = [sys.executable, "-m", "benchmarks.batch_loop", "model", "images"]
    command[3:] = [str(folder / name) for name in command[3:]]
    return float(_on(core, command, environment))


def _on(core: int, command: list[str], environment: dict[str, str]) -> str:
    """Run a program on one core, and return what it prints."""
    pinned = (
        f"import os, sys; os.sched_setaffinity(0, [{core}]); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", pinned, *command],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
