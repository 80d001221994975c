"""Endpoints: what they answer, how they change without dropping a request, how they end."""

import contextlib
import io
import json
import tarfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.functional.queues import queue_of_events
from tests.functional.sagemaker.test_tuning_jobs import create, tuning
from tests.functional.sagemaker.world import BUCKET, IMAGE, World, allow, until
from visionml.local.state import State


def metric(
    world: World, endpoint: str, name: str, statistic: str, *, variant: str = "ModelA"
) -> float:
    """Return a metric of a variant, waiting for its first point."""

    def look() -> dict[str, Any]:
        return dict(
            world.aws.cloudwatch.get_metric_statistics(
                Namespace="AWS/SageMaker",
                MetricName=name,
                Dimensions=[
                    {"Name": "EndpointName", "Value": endpoint},
                    {"Name": "VariantName", "Value": variant},
                ],
                StartTime=datetime.now(UTC) - timedelta(minutes=5),
                EndTime=datetime.now(UTC) + timedelta(minutes=5),
                Period=3600,
                Statistics=[statistic],  # type: ignore[list-item]
            )
        )

    return float(until(look, lambda seen: bool(seen["Datapoints"]))["Datapoints"][0][statistic])


def containers(server: State, endpoint: str = "") -> int:
    """Count the containers that serve an endpoint, or any."""
    count = 0
    for child in psutil.Process(server.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            serves = "/serve" in " ".join(child.cmdline())
            count += serves and f"/{endpoint}" in child.environ().get("HOME", "")
    return count


@contextmanager
def load(
    world: World, endpoint: str, *, workers: int = 3, pause_seconds: float = 0.0
) -> Iterator[tuple[Counter[str], list[str]]]:
    """Invoke an endpoint all the time; yields counted answers and failures."""
    answers: Counter[str] = Counter()
    failures: list[str] = []
    over = threading.Event()

    def work() -> None:
        runtime = world.aws.client("sagemaker-runtime")
        while not over.is_set():
            try:
                reply = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x")
                answers[reply["Body"].read().decode()] += 1
            except ClientError as error:
                failures.append(str(error))
            over.wait(pause_seconds)

    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work) for _ in range(workers)]
        try:
            yield answers, failures
        finally:
            over.set()
        for each in running:
            each.result()


@contextmanager
def heard(
    world: World, endpoint: str | None = None
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Listen to SageMaker's events, or to one endpoint's; yields a look at all so far."""
    queue, events = world.aws.client("sqs"), world.aws.client("events")
    name = world.name("events")
    url, arn = queue_of_events(queue, name)
    pattern: dict[str, Any] = {"source": ["aws.sagemaker"]}
    if endpoint:
        pattern["detail"] = {"EndpointName": [endpoint]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    seen: list[dict[str, Any]] = []

    def look() -> list[dict[str, Any]]:
        received = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        seen.extend(json.loads(each["Body"]) for each in received.get("Messages", []))
        return seen

    try:
        yield look
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)


@pytest.fixture(scope="module")
def endpoint(world: World) -> str:
    """An endpoint that greets with "hello"."""
    return world.endpoint(world.config(world.model(GREETING="hello")))


def test_an_invocation_names_its_variant_and_keeps_its_headers(world: World, endpoint: str) -> None:
    reply = world.aws.sagemaker_runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b"type", ContentType="image/png", CustomAttributes="trace=1"
    )
    assert reply["Body"].read() == b"image/png"
    assert reply["InvokedProductionVariant"] == "ModelA"
    assert reply["ContentType"] == "text/plain; charset=utf-8"
    assert reply["CustomAttributes"] == "trace=1"


@pytest.mark.parametrize(
    ("body", "status", "side"), [(b"bad", 422, "client"), (b"broken", 500, "server")]
)
def test_a_models_error_is_a_model_error_with_its_status(
    world: World, endpoint: str, body: bytes, status: int, side: str
) -> None:
    with pytest.raises(world.aws.sagemaker_runtime.exceptions.ModelError) as failed:
        world.ask(endpoint, body)
    response: Any = failed.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert f"Received {side} error ({status}) from primary with message" in str(failed.value)
    assert f":log-group:/aws/sagemaker/Endpoints/{endpoint}:" in response["LogStreamArn"]


def test_what_cannot_be_invoked_says_so(world: World, endpoint: str) -> None:
    with pytest.raises(ClientError, match="Endpoint nowhere of account 000000000000 not found"):
        world.ask("nowhere")
    with pytest.raises(ClientError, match='Variant "ModelZ" of endpoint'):
        world.ask(endpoint, TargetVariant="ModelZ")
    with pytest.raises(ClientError, match="larger than the 26214400 bytes"):
        world.ask(endpoint, b"x" * (25 * 1024 * 1024 + 1))


def test_invocations_are_measured(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="x")))
    for body in (b"1", b"2", b"3", b"bad", b"broken"):
        try:
            world.ask(name, body)
        except world.aws.sagemaker_runtime.exceptions.ModelError:
            assert body in {b"bad", b"broken"}
    until(lambda: {"sum": metric(world, name, "Invocations", "Sum")}, lambda seen: seen["sum"] >= 5)
    assert metric(world, name, "Invocation4XXErrors", "Sum") == 1
    assert metric(world, name, "Invocation5XXErrors", "Sum") >= 1
    assert 50 < metric(world, name, "ModelLatency", "Average") < 1_000_000
    assert 0 < metric(world, name, "OverheadLatency", "Average") < 1_000_000


def test_traffic_follows_the_weights_unless_a_variant_is_named(world: World) -> None:
    models = world.model(GREETING="a"), world.model(GREETING="b")
    name = world.endpoint(world.config(*models, weights=(1.0, 0.0)))
    assert {world.ask(name) for _ in range(20)} == {"a"}
    assert world.ask(name, TargetVariant="ModelB") == "b"


def test_an_endpoint_serves_the_artefact_of_a_job(world: World) -> None:
    job = world.train()
    model = world.name("model")
    world.aws.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=world.role,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        },
    )
    assert world.ask(world.endpoint(world.config(model))) == "+model"


def test_an_update_drops_no_request_and_ends_the_old_container(
    world: World, aws_local: State
) -> None:
    name = world.endpoint(world.config(world.model(GREETING="old")))
    new = world.config(world.model(GREETING="new"), count=2)
    with load(world, name) as (answers, failures):
        until(lambda: dict(answers), lambda seen: seen.get("old", 0) > 20)
        world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
        described = world.settled(name)
        until(lambda: dict(answers), lambda seen: seen.get("new", 0) > 20)
    assert failures == []
    assert set(answers) == {"old", "new"}
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == new
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert containers(aws_local, name) == 2


def test_a_slow_request_is_answered_by_the_fleet_that_took_it(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="old")))
    new = world.config(world.model(GREETING="new"))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(world.ask, name, b"slow")
        world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
        world.settled(name)
        assert slow.result() in {"old", "new"}
    assert world.ask(name) == "new"


def test_a_failed_update_leaves_the_old_configuration_serving(world: World) -> None:
    old = world.config(world.model(GREETING="old"))
    name = world.endpoint(old)
    broken = world.config(world.model(CRASH="1"))
    world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = world.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == old
    assert "ModelA did not pass the ping health check" in described["FailureReason"]
    assert world.ask(name) == "old"


def test_one_update_at_a_time(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="1")))
    new = world.config(world.model(GREETING="2"))
    world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    world.settled(name)


def test_a_container_that_does_not_start_fails_the_endpoint(world: World) -> None:
    name = world.endpoint(world.config(world.model(CRASH="1")))
    described = world.aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].endswith("It ended with exit code 7.")
    group = f"/aws/sagemaker/Endpoints/{name}"
    stream = world.aws.logs.describe_log_streams(logGroupName=group)["logStreams"][0]
    assert stream["logStreamName"].startswith("ModelA/i-")
    events = world.aws.logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"]
    )["events"]
    assert [event["message"] for event in events] == ["no model for me"]
    world.aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_container_that_dies_is_started_again(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="back")))
    with pytest.raises(
        world.aws.sagemaker_runtime.exceptions.ModelError, match="without an answer"
    ):
        world.ask(name, b"die")

    def look() -> dict[str, Any]:
        try:
            return {"answer": world.ask(name)}
        except ClientError as error:
            return {"error": str(error)}

    until(look, lambda seen: seen.get("answer") == "back")


def test_deleting_leaves_no_container(world: World, aws_local: State) -> None:
    name = world.endpoint(world.config(world.model(GREETING="x"), count=2))
    assert containers(aws_local, name) == 2
    world.aws.sagemaker.delete_endpoint(EndpointName=name)

    def look() -> dict[str, Any]:
        return {"names": [e["EndpointName"] for e in
                world.aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"]]}  # fmt: skip

    until(look, lambda seen: name not in seen["names"])
    assert containers(aws_local, name) == 0
    with pytest.raises(ClientError, match="not found"):
        world.ask(name)


def test_names_are_used_once_and_unknown_things_are_named(world: World) -> None:
    sagemaker = world.aws.sagemaker
    model = world.model()
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=world.role, PrimaryContainer={"Image": IMAGE}
        )
    with pytest.raises(ClientError, match=r'Could not find model "arn:aws:sagemaker:.*:model/x"'):
        sagemaker.describe_model(ModelName="x")
    with pytest.raises(ClientError, match='Could not find model "arn'):
        world.config("no-such-model")
    with pytest.raises(ClientError, match='Could not find endpoint configuration "arn'):
        sagemaker.create_endpoint(EndpointName=world.name(), EndpointConfigName="x")
    with pytest.raises(ClientError, match='Could not find endpoint "arn'):
        sagemaker.describe_endpoint(EndpointName="x")


def test_model_data_is_looked_for_when_the_model_is_created(world: World) -> None:
    def create(url: str, role: str = world.role) -> None:
        world.aws.sagemaker.create_model(
            ModelName=world.name(),
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url},
        )

    with pytest.raises(ClientError, match="Could not find model data at s3://"):
        create(f"s3://{BUCKET}/no/model.tar.gz")
    world.put("denied", {"model.tar.gz": "x"})
    poor = allow(world.aws, world.name("poor"), ("ecr:*", "*"), service="sagemaker.amazonaws.com")
    with pytest.raises(ClientError, match="Could not access model data at s3://"):
        create(f"s3://{BUCKET}/denied/model.tar.gz", poor)


def test_an_artefact_that_is_no_archive_fails_the_endpoint(world: World) -> None:
    uri = world.put(world.name("broken"), {"model.tar.gz": "not a tar"})
    model = world.name("model")
    world.aws.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=world.role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"{uri}model.tar.gz"},
    )
    name = world.endpoint(world.config(model))
    described = world.aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Failed"
    assert 'Failed to download model data for container "container_1"' in described["FailureReason"]


def test_an_archive_cannot_write_outside_the_model_folder(world: World) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        entry = tarfile.TarInfo("../../escaped")
        tar.addfile(entry, io.BytesIO())
    key = f"{world.name('evil')}/model.tar.gz"
    world.aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
    model = world.name("model")
    world.aws.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=world.role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{key}"},
    )
    described = world.aws.sagemaker.describe_endpoint(
        EndpointName=world.endpoint(world.config(model))
    )
    assert described["EndpointStatus"] == "Failed"


def test_what_is_not_offered_says_so(world: World) -> None:
    variant = {"VariantName": "A", "ModelName": world.model(),
               "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}  # fmt: skip
    with pytest.raises(ClientError, match="does not offer serverless variants"):
        world.aws.sagemaker.create_endpoint_config(
            EndpointConfigName=world.name(),
            ProductionVariants=[variant],  # type: ignore[list-item]
        )
    with pytest.raises(ClientError, match="does not offer the operation CreateFeatureGroup"):
        world.aws.sagemaker.create_feature_group(
            FeatureGroupName="f",
            RecordIdentifierFeatureName="r",
            EventTimeFeatureName="t",
            FeatureDefinitions=[{"FeatureName": "r", "FeatureType": "String"}],
        )


def test_state_changes_are_events(world: World) -> None:
    with heard(world) as events:
        job = world.train()
        search = create(world, tuning(world, jobs=1, parallel=1))
        endpoint = world.endpoint(world.config(world.model()))

        def look() -> dict[str, Any]:
            return {
                "seen": {
                    state
                    for event in events()
                    for state in _states(event["detail-type"], event["detail"])
                }
            }

        until(
            look,
            lambda state: (
                state["seen"]
                >= {
                    ("SageMaker Training Job State Change", job["TrainingJobName"], "Completed"),
                    ("SageMaker HyperParameter Tuning Job State Change", search, "Completed"),
                    ("SageMaker Endpoint State Change", endpoint, "CREATING"),
                    ("SageMaker Endpoint State Change", endpoint, "IN_SERVICE"),
                }
            ),
        )


def _states(kind: str, detail: dict[str, Any]) -> list[tuple[str, str, str]]:
    subjects = ("TrainingJob", "HyperParameterTuningJob", "Endpoint")
    return [
        (kind, detail[f"{each}Name"], detail[f"{each}Status"])
        for each in subjects
        if f"{each}Name" in detail
    ]
