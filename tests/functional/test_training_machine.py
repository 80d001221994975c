"""The training machine in bad weather: failures by step, resuming, tuning, triggers, clusters."""

import json
import time
from typing import Any

import pytest

from tests.functional.platform import Deployed, Trained
from tests.functional.queues import queue_of_events
from tests.functional.waiting import until
from visionml.aws import events, stacks
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects, uri
from visionml.aws.table import Table
from visionml.contracts import layout
from visionml.contracts.dataset import SPLITS
from visionml.contracts.events import DATASET_READY, DATASET_SOURCE, DatasetReady
from visionml.contracts.lineage import Node, model_node, run_node
from visionml.contracts.training import new_run_id
from visionml.dataset.manifest import parse_manifest
from visionml.errors import Conflict, GateFailed, JobFailed
from visionml.registry import runs
from visionml.registry.lineage import Lineage


def quiet(_step: object) -> None:
    """Tell nobody of steps."""


def lineage(platform: Deployed) -> Lineage:
    return Lineage(Table(platform.session.aws.dynamodb, platform.session.names.lineage_table))


def record(platform: Deployed, run_id: str) -> Node:
    return lineage(platform).get(run_node(run_id))


def bucket(platform: Deployed, kind: str) -> str:
    aws = platform.session.aws
    return platform.session.names.bucket(kind, aws.account)


def trained_jobs(platform: Deployed, run_id: str) -> list[str]:
    found = platform.session.aws.sagemaker.list_training_jobs(NameContains=run_id)
    return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]


def take_name(platform: Deployed, job: str) -> None:
    """Create a processing job that does nothing, so that its name is taken."""
    found = outputs(platform, "training")
    platform.session.aws.sagemaker.create_processing_job(
        ProcessingJobName=job,
        RoleArn=found["JobRoleArn"],
        AppSpecification={"ImageUri": found["VisionImageUri"], "ContainerEntrypoint": ["true"]},
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
    )


def outputs(platform: Deployed, part: str) -> dict[str, str]:
    session = platform.session
    return dict(stacks.outputs(session.aws.cloudformation, session.names.stack(part)))


@pytest.fixture(scope="module")
def mended(platform: Deployed, trained: Trained) -> tuple[str, list[list[str]]]:
    """A run that failed at Evaluate, at Register and at Gate before it ended well.

    Returned are its id and the steps of each attempt.
    """
    session = platform.session
    objects, parameters = Objects(session.aws.s3), Parameters(session.aws.parameters)
    run_id = new_run_id()
    version = session.names.version_parameter(run_id)
    report = uri(
        bucket(platform, "models"), f"{layout.run_evaluation(run_id)}/{layout.EVALUATION_REPORT}"
    )
    attempts: list[list[str]] = []

    def attempt(*, fails_at: str | None) -> None:
        steps: list[str] = []
        attempts.append(steps)
        run = session.runs.resume(run_id) if attempts[1:] else start()
        if fails_at is None:
            run.watch(on_step=lambda step: steps.append(step.name))
            return
        with pytest.raises(JobFailed, match=f"at the step {fails_at}: "):
            run.watch(on_step=lambda step: steps.append(step.name))
        node = record(platform, run_id)
        assert (node.status, node.facts["step"]) == ("failed", fails_at)
        assert lineage(platform).find(model_node(run_id)) is None

    def start() -> Any:
        return platform.start(platform.dataset, run_id=run_id)

    take_name(platform, f"{run_id}-evaluate")
    attempt(fails_at="Evaluate")
    parameters.put(version, "{}")
    attempt(fails_at="Register")
    good = objects.read_bytes(report)
    objects.write(report, "{}")
    attempt(fails_at="Gate")
    objects.write(report, good)
    parameters.delete(version)
    attempt(fails_at=None)
    return run_id, attempts


def test_a_resumed_run_goes_on_after_its_last_finished_step(
    platform: Deployed, mended: tuple[str, list[list[str]]]
) -> None:
    run_id, (first, second, third, last) = mended
    jobs = {"Prepare", "Train", "Evaluate"}
    assert [step for step in first if step in jobs] == ["Train", "Evaluate"]
    assert [step for step in second if step in jobs] == ["Evaluate"]
    assert [step for step in third + last if step in jobs] == []
    assert trained_jobs(platform, run_id) == [f"{run_id}-train"]
    node = record(platform, run_id)
    assert (node.status, node.facts["attempt"]) == ("registered", 4)
    steps = runs.steps_of(node)
    assert steps["evaluate"].job == f"{run_id}-evaluate-2"
    assert {step.status for step in steps.values()} == {"finished"}
    assert "error" not in node.facts


def test_shards_are_prepared_once_for_a_dataset_version(
    platform: Deployed, trained: Trained, mended: tuple[str, list[list[str]]]
) -> None:
    first, again = (
        runs.steps_of(record(platform, run_id))["prepare"]
        for run_id in (trained.run.run_id, mended[0])
    )
    assert first.job == again.job == f"{trained.run.run_id}-prepare"
    assert first.output == again.output


def test_a_run_that_has_ended_is_not_resumed(
    platform: Deployed, mended: tuple[str, list[list[str]]]
) -> None:
    with pytest.raises(Conflict, match="it is registered"):
        platform.session.runs.resume(mended[0])


def test_a_run_on_an_unknown_version_says_so_in_its_record(platform: Deployed) -> None:
    run = platform.session.runs.start("few-digits", "0123456789abcdef")
    with pytest.raises(JobFailed, match=r"at the step PlanRun: NotFound: .*no version"):
        run.watch(on_step=quiet)
    node = record(platform, run.run_id)
    assert (node.status, node.facts["step"]) == ("failed", "PlanRun")


def test_lost_images_fail_the_preparation_and_nothing_else_runs(platform: Deployed) -> None:
    entry = platform.few._entries()[0]
    address = uri(bucket(platform, "raw"), entry.key)
    objects = Objects(platform.session.aws.s3)
    content = objects.read_bytes(address)
    run = platform.session.runs.start("few-digits", platform.few.version, image_size=16)
    objects.write(address, content[:-1])
    try:
        with pytest.raises(JobFailed, match=r"at the step PrepareShard: .*content has changed"):
            run.watch(on_step=quiet)
    finally:
        objects.write(address, content)
    node = record(platform, run.run_id)
    assert (node.status, node.facts["step"]) == ("failed", "Prepare")
    assert "content has changed" in str(node.facts["cause"])
    assert trained_jobs(platform, run.run_id) == []


def test_a_search_among_unknown_hyperparameters_fails_at_tune(platform: Deployed) -> None:
    run = platform.session.runs.start(
        "few-digits", platform.few.version, tuning={"ranges": {"epochz": [1, 2]}, "max_jobs": 1}
    )
    with pytest.raises(JobFailed, match="at the step Tune"):
        run.watch(on_step=quiet)
    assert record(platform, run.run_id).facts["step"] == "Tune"


def test_tuning_and_training_compete_by_the_metric_asked_for(platform: Deployed) -> None:
    steps: list[str] = []
    run = platform.session.runs.start(
        "few-digits",
        platform.few.version,
        mode="both",
        tuning={
            "ranges": {"learning_rate": {"min": 1e-6, "max": 2e-6}},
            "strategy": "Random",
            "max_jobs": 2,
            "objective": {"metric": "validation_loss", "direction": "Minimize"},
            "hyperparameters": {"epochs": 1},
            "seed": 1,
        },
        epochs=2,
        batch_size=16,
    )
    with pytest.raises(GateFailed, match="accuracy"):
        run.watch(on_step=lambda step: steps.append(step.name))
    for step in ("Tune", "ChooseTuned", "Train", "Choose", "Evaluate"):
        assert step in steps
    node = record(platform, run.run_id)
    candidate: Any = node.facts["candidate"]
    found = platform.session.tuning.open(run.tuning_job).jobs()
    values = {row["training job"]: row["objective"] for _, row in found.iterrows()}
    trained = platform.session.aws.sagemaker.describe_training_job(
        TrainingJobName=f"{run.run_id}-train"
    )
    best = found.sort_values("objective").iloc[0]
    assert float(trained["HyperParameters"]["learning_rate"]) == pytest.approx(
        best["learning_rate"]
    )
    for metric in trained["FinalMetricDataList"]:
        if metric["MetricName"] == "validation_loss":
            values[f"{run.run_id}-train"] = metric["Value"]
    assert len(values) == 3
    assert candidate["job"] == min(values, key=lambda job: values[job])
    assert candidate["value"] == pytest.approx(min(values.values()))


def executions(platform: Deployed, prefix: str) -> list[str]:
    session = platform.session
    machine = session.names.state_machine_arn(session.names.training_machine, session.aws.account)
    pages = session.aws.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    found = [each["name"] for page in pages for each in page["executions"]]
    return [name for name in found if name.startswith(prefix)]


def test_a_dataset_that_is_ready_twice_is_trained_on_once(platform: Deployed) -> None:
    session = platform.session
    known = set(session.runs.table().index)
    dataset = session.datasets.import_source(platform.few_files, name="triggered")

    def started() -> list[str]:
        table = session.runs.table()
        fresh = table[(table["dataset"] == "triggered") & (table["status"] == "rejected")]
        return sorted(set(fresh.index) - known)

    (run_id,) = until(started)
    facts = record(platform, run_id).facts
    assert facts["dataset_version"] == dataset.version
    assert facts["hyperparameters"] == {"epochs": "1"}
    ready = DatasetReady(
        dataset="triggered",
        version=dataset.version,
        created=dataset.record.created,
        images=dataset.record.images,
        classes=len(dataset.record.classes),
    )
    answer = invoke_starter(platform, ready)
    assert answer["run_id"] == run_id
    events.publish(session.aws.events, ready, source=DATASET_SOURCE, kind=DATASET_READY)
    time.sleep(1)
    assert executions(platform, run_id) == [run_id]


def invoke_starter(platform: Deployed, ready: DatasetReady) -> dict[str, Any]:
    event = {
        "id": "0",
        "source": DATASET_SOURCE,
        "detail-type": DATASET_READY,
        "time": "2026-01-01T00:00:00Z",
        "detail": ready.model_dump(mode="json"),
    }
    return invoke(platform, event)


def invoke(platform: Deployed, event: dict[str, Any]) -> dict[str, Any]:
    client = platform.session.aws.client("lambda")
    answer = client.invoke(
        FunctionName=platform.session.names.function("run_starter"), Payload=json.dumps(event)
    )
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def test_the_schedule_trains_on_the_newest_version(platform: Deployed) -> None:
    session = platform.session
    name = session.names.name("training-schedule")
    rule = session.aws.events.describe_rule(Name=name)
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 day)", "ENABLED")
    (target,) = session.aws.events.list_targets_by_rule(Rule=name)["Targets"]
    assert target["Arn"].endswith(f":function:{session.names.function('run_starter')}")
    dataset = session.datasets.import_source(platform.few_files, name="triggered")
    event = {
        "id": "6f5e4d3c-0000-4000-8000-000000000003",
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "time": "2026-01-02T03:04:05Z",
        "detail": {},
    }
    answer = invoke(platform, event)
    assert invoke(platform, event) == answer
    session.aws.states.stop_execution(executionArn=answer["execution"])
    execution = session.aws.states.describe_execution(executionArn=answer["execution"])
    assert json.loads(execution["input"])["dataset_version"] == dataset.version
    assert answer["run_id"].startswith("run-20260102-030405-")


def test_the_ends_of_runs_are_published(platform: Deployed, trained: Trained) -> None:
    session = platform.session
    queue = session.aws.client("sqs")
    url, arn = queue_of_events(queue, "training-events")
    session.aws.events.put_rule(
        Name="training-events", EventPattern=json.dumps({"source": ["visionml.training"]})
    )
    session.aws.events.put_targets(Rule="training-events", Targets=[{"Id": "queue", "Arn": arn}])
    try:
        run = platform.session.runs.start("few-digits", "0123456789abcdef")
        with pytest.raises(JobFailed):
            run.watch(on_step=quiet)
        found = until(
            lambda: [
                json.loads(message["Body"])
                for message in queue.receive_message(QueueUrl=url).get("Messages", [])
            ]
        )
    finally:
        session.aws.events.remove_targets(Rule="training-events", Ids=["queue"])
        session.aws.events.delete_rule(Name="training-events")
        queue.delete_queue(QueueUrl=url)
    (event,) = [each for each in found if each["detail"]["run_id"] == run.run_id]
    assert event["detail-type"] == "Training Run Failed"
    assert event["detail"]["step"] == "PlanRun"


def prepare_by_job(platform: Deployed, *, image_size: int, instances: int, folder: str) -> str:
    """Prepare the few scans by a processing job of one's own; return the folder's address."""
    session, found = platform.session, outputs(platform, "training")
    manifests = layout.manifest_folder("few-digits", platform.few.version)
    datasets = bucket(platform, "datasets")
    output = uri(datasets, f"prepared/few-digits/{folder}/")

    def given(name: str, key: str, path: str, **options: str) -> Any:
        source = {
            "S3Uri": uri(datasets, key),
            "LocalPath": f"/opt/ml/processing/input/{path}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        }
        return {"InputName": name, "S3Input": {**source, **options}}

    sharded = {"S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key"}
    to = {"S3Uri": output, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    written: Any = {"OutputName": "prepared", "S3Output": to}
    machines: Any = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, "InstanceCount": instances}
    name = f"{new_run_id()}-prepare"
    session.aws.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=found["JobRoleArn"],
        AppSpecification={
            "ImageUri": found["VisionImageUri"],
            "ContainerEntrypoint": ["prepare"],
            "ContainerArguments": ["--image-size", str(image_size)],
        },
        ProcessingInputs=[
            given("images", manifests + layout.OBJECTS, "images", **sharded),
            given("manifest", manifests, "manifest"),
        ],
        ProcessingOutputConfig={"Outputs": [written]},
        ProcessingResources={"ClusterConfig": machines},
    )

    def status() -> str | None:
        job = session.aws.sagemaker.describe_processing_job(ProcessingJobName=name)
        ended = job["ProcessingJobStatus"] in {"Completed", "Failed"}
        return job["ProcessingJobStatus"] if ended else None

    assert until(status) == "Completed"
    return output


def contents(platform: Deployed, folder: str) -> dict[str, bytes]:
    """Return what lies below a folder in S3, by the end of its key."""
    objects, datasets = Objects(platform.session.aws.s3), bucket(platform, "datasets")
    keys = [uri(datasets, key) for key in objects.keys(folder)]
    return {key.removeprefix(folder): objects.read_bytes(key) for key in keys}


def test_several_instances_share_the_preparation_by_key(platform: Deployed) -> None:
    output = prepare_by_job(platform, image_size=8, instances=2, folder="cluster")
    rows: dict[str, list[str]] = {"00": [], "01": []}
    for key, content in contents(platform, output).items():
        if key.endswith(".jsonl"):
            entries = parse_manifest(content.decode(), where=key)
            rows[key.rsplit("part-")[-1][:2]] += [entry.key for entry in entries]
    assert sorted(rows["00"] + rows["01"]) == [entry.key for entry in platform.few._entries()]
    assert abs(len(rows["00"]) - len(rows["01"])) <= 1


def test_functions_leave_the_shards_of_a_job_and_only_of_small_versions(
    platform: Deployed, trained: Trained
) -> None:
    steps: list[str] = []
    run = platform.session.runs.start(
        "few-digits", platform.few.version, image_size=8, epochs=1, batch_size=16
    )
    run.watch(on_step=lambda step: steps.append(step.name), accept_rejection=True)
    assert "PrepareShards" in steps
    assert "Prepare" not in steps
    prepared = runs.steps_of(record(platform, run.run_id))["prepare"]
    by_functions = contents(platform, str(prepared.output))
    by_job = contents(platform, prepare_by_job(platform, image_size=8, instances=1, folder="one"))
    assert {key.split("/")[0] for key in by_functions} == set(SPLITS)
    assert by_functions == by_job
    assert "Prepare" in trained.steps
    assert "PrepareShards" not in trained.steps


def test_the_function_that_prepares_may_write_nowhere_else(platform: Deployed) -> None:
    order = {
        "split": "holdout",
        "number": 0,
        "dataset": "few-digits",
        "dataset_version": platform.few.version,
        "image_size": 8,
        "prepared_s3_uri": uri(bucket(platform, "models"), "runs/"),
    }
    answer = platform.session.aws.client("lambda").invoke(
        FunctionName=platform.session.names.function("shard_preparer"), Payload=json.dumps(order)
    )
    error = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "AccessDenied"
    assert "s3:PutObject" in error["errorMessage"]
