"""Updates that shift traffic step by step, watch alarms, and go back by themselves."""

from typing import Any

from tests.functional.sagemaker.test_endpoints import load
from tests.functional.sagemaker.world import World, until

Config = dict[str, Any]


def size(value: int, kind: str = "INSTANCE_COUNT") -> Config:
    return {"Type": kind, "Value": value}


def guarded(kind: str, *alarms: str, wait: int = 1, final: int = 0, **sizes: Any) -> Config:
    """Return a deployment configuration of a blue/green update."""
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    config: Config = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": final,
        }
    }
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": each} for each in alarms]}
    return config


def alarm(world: World, endpoint: str, **changes: Any) -> str:
    """Create an alarm on an endpoint's 5XX answers and return its name."""
    name = world.name("errors")
    request: Config = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "ModelA"},
        ],
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    world.aws.cloudwatch.put_metric_alarm(**{**request, **changes})
    return name


def update(world: World, endpoint: str, config: str, deployment: Config, **more: Any) -> None:
    world.aws.sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=config,
        DeploymentConfig=deployment,  # type: ignore[arg-type]
        **more,
    )


def described(world: World, endpoint: str) -> Config:
    return dict(world.aws.sagemaker.describe_endpoint(EndpointName=endpoint))


def stage(seen: Config) -> str:
    """Return what is said of the new fleet's first variant."""
    pending = seen.get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])
    return str((pending[0].get("VariantStatus") or [{}])[0].get("StatusMessage", ""))


def test_a_canary_answers_its_share_then_everything(world: World) -> None:
    old = world.config(world.model(GREETING="old"), count=2)
    name = world.endpoint(old)
    new = world.config(world.model(GREETING="new"), count=2)
    with load(world, name) as (answers, failures):
        deployment = guarded("CANARY", CanarySize=size(1), wait=2)
        update(world, name, new, deployment)
        baking = until(
            lambda: described(world, name), lambda seen: "on canary capacity" in stage(seen)
        )
        before = answers.copy()
        until(lambda: dict(answers - before), lambda seen: sum(seen.values()) > 60)
        canary = answers - before
        ended = world.settled(name)
        final = answers.copy()
        until(lambda: dict(answers - final), lambda seen: sum(seen.values()) > 20)
    assert failures == []
    assert baking["EndpointConfigName"] == old
    assert baking["PendingDeploymentSummary"]["EndpointConfigName"] == new
    assert baking["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert 0.25 < canary["new"] / canary.total() < 0.75
    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == new
    assert "FailureReason" not in ended
    assert "PendingDeploymentSummary" not in ended
    assert ended["LastDeploymentConfig"] == deployment
    assert (answers - final)["new"] > 20


def test_an_alarm_returns_all_traffic_and_the_configuration(world: World) -> None:
    old = world.config(world.model(GREETING="old"), count=2)
    name = world.endpoint(old)
    guard = alarm(world, name)
    new = world.config(world.model(BROKEN="1"), count=2)
    with load(world, name) as (answers, failures):
        update(world, name, new, guarded("CANARY", guard, CanarySize=size(1), wait=60))
        until(lambda: {"failures": len(failures)}, lambda seen: seen["failures"] > 0)
        back = until(
            lambda: described(world, name), lambda seen: seen["EndpointStatus"] == "RollingBack"
        )
        before = len(failures)
        ended = world.settled(name)
        answered = answers["old"]
        until(lambda: dict(answers), lambda seen: seen["old"] > answered + 50)
        after = len(failures)
    assert guard in back["FailureReason"]
    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == old
    assert guard in ended["FailureReason"]
    assert ended["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert after - before <= 3, "only what was under way may have failed"
    assert all("Received server error (500) from primary" in each for each in failures)
