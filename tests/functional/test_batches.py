"""Batch runs on the deployed platform: every image ends as one row, whatever happens to its job."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from tests.functional.platform import Deployed
from tests.functional.queues import queue_of_events
from tests.functional.waiting import until
from visionml.aws import executions
from visionml.aws.batch_jobs import BatchJobs, Job
from visionml.aws.session import Aws
from visionml.cli.main import app
from visionml.contracts.batch import BatchMethod
from visionml.contracts.batch_machine import INCOMPLETE
from visionml.contracts.events import BATCH_FINISHED, BATCH_SOURCE
from visionml.desks.batches import BatchRun
from visionml.errors import Conflict, JobFailed
from visionml.local import faults, processes, spot
from visionml.local.state import Project, State

pytestmark = pytest.mark.usefixtures("promoted")


@pytest.fixture(scope="module")
def images(platform: Deployed) -> list[bytes]:
    return [each.content for each in platform.dataset.samples(2, split="holdout")[:12]]


@pytest.fixture(scope="module")
def told(aws: Aws) -> Iterator[Any]:
    """Take the events of batch runs from a queue."""
    sqs = aws.client("sqs")
    url, arn = queue_of_events(sqs, "batch-events")
    pattern = json.dumps({"source": [BATCH_SOURCE]})
    aws.events.put_rule(Name="batch-events", EventPattern=pattern)
    aws.events.put_targets(Rule="batch-events", Targets=[{"Id": "queue", "Arn": arn}])

    def receive() -> dict[str, Any] | None:
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            event: dict[str, Any] = json.loads(message["Body"])
            return event
        return None

    yield lambda: until(receive)
    aws.events.remove_targets(Rule="batch-events", Ids=["queue"])
    aws.events.delete_rule(Name="batch-events")


@pytest.fixture
def down(aws_local: State) -> Iterator[None]:
    """The endpoint answers once, and then for a while no more."""
    faults.inject(
        aws_local, "sagemaker:InvokeEndpoint", "ServiceUnavailable", times=1_000_000, after=1
    )
    yield
    faults.clear(aws_local)


def running(run: BatchRun, count: int) -> list[Job]:
    """Wait until so many jobs of a run are under way, and return them."""

    def found() -> list[Job] | None:
        jobs = [job for job in run.jobs() if job.status == "RUNNING"]
        return jobs if len(jobs) == count else None

    jobs: list[Job] = until(found)
    return jobs


def all_of(run: BatchRun, count: int) -> list[Job]:
    """Wait until a run has so many jobs."""

    def found() -> list[Job] | None:
        jobs = run.jobs()
        return jobs if len(jobs) == count else None

    jobs: list[Job] = until(found)
    return jobs


def process_of(project: Project, job: Job) -> psutil.Process:
    """Wait for a job's process, which is the parent of all others of it."""

    def found() -> psutil.Process | None:
        for process in processes.of_project(project.folder):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if process.environ().get("AWS_BATCH_JOB_ID") == job.id and "--run" in line:
                    return process
        return None

    process: psutil.Process = until(found)
    return process


def test_good_and_bad_images_become_rows_an_event_and_a_sum(
    platform: Deployed, images: list[bytes], told: Any
) -> None:
    desk = platform.session.batch
    files = {f"{number}.png": content for number, content in enumerate(images[:6])}
    prefix = desk.put(
        {**files, "note.txt": b"no image", "deep/cut.png": images[0][:60]}, folder="a"
    )
    run = desk.run(prefix, run_id="good-and-bad")
    outcome = run.watch()
    assert outcome.figures == {"inputs": 8, "results": 6, "recorded_failures": 2, "lost": 0}
    assert outcome.summary.parts == 2

    rows = run.predictions()
    assert list(rows["input_key"]) == sorted(
        f"{prefix}{name}" for name in (*files, "note.txt", "deep/cut.png")
    )
    assert rows["prediction_id"].is_unique
    bad = rows[rows["label"].isna()]
    assert set(bad["input_key"]) == {f"{prefix}note.txt", f"{prefix}deep/cut.png"}
    assert bad["error"].notna().all()
    good = rows[rows["label"].notna()].iloc[0]
    kept = platform.session.streams.predictions.get(str(good["prediction_id"]))
    assert (kept.status, kept.prediction.label if kept.prediction else "") == (
        "done",
        good["label"],
    )

    event = told()
    assert (event["detail-type"], event["detail"]["run_id"]) == (BATCH_FINISHED, run.run_id)
    assert event["detail"]["outcome"] == "succeeded"
    assert desk.run(prefix, run_id=run.run_id).watch().summary == outcome.summary
    with pytest.raises(Conflict, match="complete"):
        desk.resume(run.run_id)


@pytest.mark.usefixtures("down")
def test_killed_interrupted_and_terminated_jobs_lose_nothing_and_repeat_nothing(
    platform: Deployed,
    images: list[bytes],
    told: Any,
    aws_local: State,
    local_project: Project,
) -> None:
    session = platform.session
    desk, states = session.batch, session.aws.states
    prefix = desk.put({f"{n:02}.png": content for n, content in enumerate(images)}, folder="b")
    run = desk.run(prefix, run_id="broken")
    killed, interrupted = running(run, 2)
    (waiting,) = [job for job in all_of(run, 3) if job not in {killed, interrupted}]
    assert waiting.status == "RUNNABLE"

    machine = session.names.state_machine_arn(session.names.batch, session.aws.account)
    request = run.plan().request.model_dump(mode="json")
    second = executions.start(states, machine, name="broken-overlapping", payload=request)
    assert executions.watch(states, second)["status"] == "already_running"

    BatchJobs(session.aws.client("batch"), session.names.batch).terminate(
        waiting.id, reason="to see what becomes of its images"
    )
    process_of(local_project, killed).kill()
    process_of(local_project, interrupted)
    spot.interrupt_job(aws_local, interrupted.id, grace_seconds=5)
    faults.clear(aws_local)
    with pytest.raises(JobFailed, match=INCOMPLETE) as failed:
        run.watch()
    assert "batch resume broken" in failed.value.hint
    assert told()["detail"]["missing_parts"] == [2]
    before = run.parts()
    assert list(before.index) == [0, 1]
    assert list(before["attempt"]) == [2, 2]

    outcome = desk.resume("broken").watch()
    assert outcome.figures == {"inputs": 12, "results": 12, "recorded_failures": 0, "lost": 0}
    assert told()["detail"]["outcome"] == "succeeded"
    after = run.parts()
    assert after.loc[[0, 1]].equals(before)
    rows = run.predictions()
    assert sorted(rows["input_key"]) == [f"{prefix}{n:02}.png" for n in range(12)]
    assert rows["prediction_id"].is_unique
    assert rows["label"].notna().all()


@pytest.mark.parametrize("method", ["model", "transform"])
def test_other_methods_leave_the_same_rows(
    platform: Deployed, images: list[bytes], method: BatchMethod
) -> None:
    desk = platform.session.batch
    files = {f"{number}.png": content for number, content in enumerate(images[:3])}
    prefix = desk.put({**files, "note.txt": b"no image"}, folder=method)
    run = desk.run(prefix, method=method)
    outcome = run.watch()
    assert (outcome.summary.results, outcome.summary.failures) == (3, 1)
    rows = run.predictions().set_index("input_key")
    assert set(rows.index) == {f"{prefix}{name}" for name in (*files, "note.txt")}
    assert rows.loc[f"{prefix}note.txt", "error"]
    assert set(rows["model_version"].dropna()) == {run.plan().model_version}
    assert rows["label"].notna().sum() == 3


def test_a_folder_is_run_and_told_of_by_the_command_line(
    images: list[bytes], local_project: Project, tmp_path: Path
) -> None:
    for number, content in enumerate(images[:2]):
        (tmp_path / f"{number}.png").write_bytes(content)
    runner = CliRunner()
    with contextlib.chdir(local_project.folder.parent):
        put = ["--put", str(tmp_path), "--run", "by-hand"]
        done = runner.invoke(app, ["batch", "run", *put, "--json"])
        listed = json.loads(runner.invoke(app, ["batch", "list", "--json"]).stdout)
        status = json.loads(runner.invoke(app, ["batch", "status", "by-hand", "--json"]).stdout)
    assert json.loads(done.stdout)["results"] == 2, done.output
    assert {each["run"]: each["outcome"] for each in listed}["by-hand"] == "succeeded"
    assert status["images"] == "2 of 2 done, 0 are recorded failures"
