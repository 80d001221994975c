"""The alarms that take a rollout back, as they are deployed, and what rings them."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.platform import Deployed
from visionml.aws.session import Aws

STACK = "guarded"
ENDPOINT = "guarded-endpoint"
DECIDED_SECONDS = 15.0
Publish = Callable[..., None]


@pytest.fixture(scope="module")
def alarms(platform: Deployed, aws: Aws) -> Iterator[None]:
    """Copies of the deployed alarms that watch an endpoint of this test's own."""
    names = platform.session.names
    template = aws.cloudformation.get_template(StackName=names.stack("monitoring"))["TemplateBody"]
    resources = {
        logical_id: _copy(resource, platform)
        for logical_id, resource in dict(template)["Resources"].items()
        if resource["Properties"].get("AlarmName") in names.rollback_alarms()
    }
    assert len(resources) == len(names.rollback_alarms())
    aws.cloudformation.create_stack(
        StackName=STACK, TemplateBody=json.dumps({"Resources": resources})
    )
    aws.cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    yield
    aws.cloudformation.delete_stack(StackName=STACK)


def _copy(resource: dict[str, Any], platform: Deployed) -> dict[str, Any]:
    properties = {
        key: value for key, value in resource["Properties"].items() if not key.endswith("Actions")
    }
    text = json.dumps(properties).replace(platform.session.names.endpoint, ENDPOINT)
    copied = json.loads(text)
    copied["AlarmName"] = f"guarded-{properties['AlarmName']}"
    return {"Type": resource["Type"], "Properties": copied}


@pytest.fixture
def publish(aws: Aws) -> Publish:
    """Publish figures as SageMaker does for a variant of the endpoint."""

    def put(variant: str, **figures: float | list[float]) -> None:
        data: Any = [
            {
                "MetricName": name,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": ENDPOINT},
                    {"Name": "VariantName", "Value": variant},
                ],
                "Values": value if isinstance(value, list) else [value],
            }
            for name, value in figures.items()
        ]
        aws.cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=data)

    return put


def _probes(accuracy: float, *, count: int = 1) -> Any:
    return {
        "MetricName": "ProbeAccuracy",
        "Dimensions": [{"Name": "EndpointName", "Value": ENDPOINT}],
        "Values": [accuracy],
        "Counts": [count],
        "StorageResolution": 1,
    }


def states(aws: Aws) -> dict[str, str]:
    """Return the states by figure and variant, such as ``errors-a``."""
    found = aws.cloudwatch.describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
    return {
        alarm["AlarmName"].split("rollback-")[1].removesuffix("-local-us-east-1"): alarm[
            "StateValue"
        ]
        for alarm in found
    }


def ringing(aws: Aws, expected: set[str]) -> set[str]:
    """Return the alarms that ring once the expected ones do, or when it has taken too long."""
    end = time.monotonic() + DECIDED_SECONDS
    while True:
        rung = {name for name, state in states(aws).items() if state == "ALARM"}
        if expected <= rung or time.monotonic() > end:
            return rung
        time.sleep(0.2)


@pytest.mark.usefixtures("alarms")
def test_each_trouble_rings_its_own_alarm_within_seconds(aws: Aws, publish: Publish) -> None:
    refused = {"Invocations": 100, "InvocationModelErrors": 40, "Invocation4XXErrors": 40}
    publish("ModelA", **refused, Invocation5XXErrors=0, ModelLatency=[20_000.0, 90_000.0])
    aws.cloudwatch.put_metric_data(Namespace="VisionML", MetricData=[_probes(0.95)])
    assert ringing(aws, set()) == set()

    publish("ModelB", Invocations=100, InvocationModelErrors=5, Invocation4XXErrors=1)
    assert ringing(aws, {"errors-b"}) == {"errors-b"}

    publish("ModelA", ModelLatency=[2_500_000.0])
    assert ringing(aws, {"latency-a"}) >= {"latency-a"}

    aws.cloudwatch.put_metric_data(Namespace="VisionML", MetricData=[_probes(0.0, count=1000)])
    assert ringing(aws, {"probes"}) - {"errors-b", "latency-a"} == {"probes"}


@pytest.mark.usefixtures("promoted")
def test_what_stands_is_fit_for_the_next_rollout(platform: Deployed) -> None:
    found = platform.session.guardrails.standing()

    # what other tests have left ringing, or run on one instance, passes by itself
    assert {each.check for each in found} <= {"live-alarm-ringing", "live-single-instance"}


@pytest.mark.usefixtures("promoted")
def test_the_prober_reads_known_images_off_the_endpoint(platform: Deployed, aws: Aws) -> None:
    session = platform.session
    plan = {
        "endpoint_name": session.names.endpoint,
        "model_version": session.models.active(),
        "kind": "rollback",
    }
    answer = aws.client("lambda").invoke(
        FunctionName=session.names.function("deployment_prober"),
        Payload=json.dumps({"plan": plan}),
    )
    report = json.loads(answer["Payload"].read())

    assert "FunctionError" not in answer, report
    assert report["judged"] == session.settings.serving.rollout.probes
    assert report["accuracy"] >= session.settings.alarms.probe_accuracy
    published = aws.cloudwatch.get_metric_statistics(
        Namespace="VisionML",
        MetricName="ProbeAccuracy",
        Dimensions=[{"Name": "EndpointName", "Value": session.names.endpoint}],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Average"],
    )["Datapoints"]
    assert published
