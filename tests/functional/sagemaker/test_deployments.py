"""Updates that shift traffic step by step, watch alarms, and go back by themselves."""

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.test_endpoints import containers, heard, load, metric
from tests.functional.sagemaker.world import IMAGE, World, allow, until
from visionml.local.state import State

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


def more(answers: Counter[str], answer: str, count: int) -> None:
    """Wait until so many more requests have got an answer."""
    wanted = answers[answer] + count
    until(lambda: dict(answers), lambda seen: seen.get(answer, 0) >= wanted)


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
    # both fleets are measured as one variant
    until(
        lambda: {"counted": metric(world, name, "Invocations", "Sum")},
        lambda seen: seen["counted"] == answers.total(),
    )
    assert ended["LastDeploymentConfig"] == deployment
    assert (answers - final)["new"] > 20


def test_an_alarm_returns_all_traffic_and_the_configuration(world: World) -> None:
    old = world.config(world.model(GREETING="old"), count=2)
    name = world.endpoint(old)
    guard = alarm(world, name)
    new = world.config(world.model(BROKEN="1"), count=2)
    with load(world, name) as (answers, failures), heard(world, name) as events:
        update(world, name, new, guarded("CANARY", guard, CanarySize=size(1), wait=60))
        ended = world.settled(name)
        failed = len(failures)
        more(answers, "old", 50)
        until(
            lambda: {"states": [each["detail"]["EndpointStatus"] for each in events()]},
            lambda seen: "ROLLING_BACK" in seen["states"] and "IN_SERVICE" in seen["states"],
        )
    assert failed > 0
    assert len(failures) - failed <= 3, "only what its caller has not noted yet"
    assert all("Received server error (500) from primary" in each for each in failures)
    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == old
    assert guard in ended["FailureReason"]
    assert ended["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_all_at_once_and_back_drops_no_request(world: World, aws_local: State) -> None:
    """The bad model answers 500 while it has traffic; nothing else may fail."""
    old = world.config(world.model(GREETING="old"))
    name = world.endpoint(old)
    guard = alarm(world, name)
    bad = world.config(world.model(BROKEN="1"))
    with load(world, name, workers=4) as (answers, failures):
        until(lambda: dict(answers), lambda seen: seen.get("old", 0) > 50)
        update(world, name, bad, guarded("ALL_AT_ONCE", guard, wait=0, final=60))
        ended = world.settled(name)
        more(answers, "old", 50)
    assert ended["EndpointConfigName"] == old
    assert guard in ended["FailureReason"]
    assert failures
    assert {
        each for each in failures if "Received server error (500) from primary" not in each
    } == set()
    assert containers(aws_local, name) == 1


def test_a_new_fleet_that_dies_or_does_not_start_is_taken_back(world: World) -> None:
    old = world.config(world.model(GREETING="old"), count=2)
    name = world.endpoint(old)
    for model, reason in (
        (world.model(CRASH="1"), "did not pass the ping health check"),
        (world.model(MORTAL="1"), "a container of production variant ModelA ended"),
    ):
        bad = world.config(model, count=2)
        with load(world, name) as (answers, failures):
            update(world, name, bad, guarded("CANARY", wait=60, CanarySize=size(1)))
            ended = world.settled(name)
            more(answers, "old", 20)
        assert ended["EndpointStatus"] == "InService"
        assert ended["EndpointConfigName"] == old
        assert reason in ended["FailureReason"]
        assert all("without an answer" in each for each in failures), "the dying model's own"


def test_instances_come_and_go_without_a_dropped_request(world: World, aws_local: State) -> None:
    name = world.endpoint(world.config(world.model(GREETING="a"), world.model(GREETING="b")))

    def scale(**wanted: Any) -> Config:
        change: Any = {"VariantName": "ModelA", **wanted}
        world.aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[change]
        )
        return world.settled(name)

    with load(world, name) as (answers, failures):
        out = scale(DesiredInstanceCount=3)
        scaled = answers.copy()
        until(lambda: dict(answers - scaled), lambda seen: sum(seen.values()) > 50)
        back = scale(DesiredInstanceCount=1, DesiredWeight=0)
        scaled = answers.copy()
        until(lambda: dict(answers - scaled), lambda seen: sum(seen.values()) > 50)
    assert failures == []
    assert out["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert back["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert back["ProductionVariants"][0]["CurrentWeight"] == 0
    assert set(answers - scaled) == {"b"}
    assert containers(aws_local, name) == 2


def test_an_update_retains_what_it_is_told_to(world: World) -> None:
    deployment = guarded("CANARY", wait=0, CanarySize=size(1))
    name = world.endpoint(world.config(world.model(GREETING="old")), DeploymentConfig=deployment)
    world.aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "ModelA", "DesiredInstanceCount": 2, "DesiredWeight": 3}
        ],
    )
    world.settled(name)
    new = world.config(world.model(GREETING="new"))
    with pytest.raises(ClientError, match="must have at least 2 instances"):
        update(world, name, new, deployment)
    world.aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        RetainAllVariantProperties=True,
        RetainDeploymentConfig=True,
    )
    (variant,) = world.settled(name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 3)
    world.aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
        RetainDeploymentConfig=True,
    )
    ended = world.settled(name)
    (variant,) = ended["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 1)
    assert ended["LastDeploymentConfig"] == deployment
    world.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    assert "LastDeploymentConfig" not in world.settled(name)


def test_a_shadow_gets_copies_and_answers_nobody(world: World) -> None:
    model, shadow = world.model(GREETING="production"), world.model(BROKEN="1")
    config = world.config(model, shadow=shadow)
    name = world.endpoint(config)
    assert {world.ask(name) for _ in range(20)} == {"production"}
    until(
        lambda: {"copies": metric(world, name, "Invocations", "Sum", variant="Shadow")},
        lambda seen: seen["copies"] == 20,
    )
    assert metric(world, name, "Invocation5XXErrors", "Sum", variant="Shadow") == 20
    assert metric(world, name, "Invocations", "Sum") == 20
    seen = described(world, name)
    assert [each["VariantName"] for each in seen["ProductionVariants"]] == ["ModelA"]
    assert [each["VariantName"] for each in seen["ShadowProductionVariants"]] == ["Shadow"]
    with pytest.raises(ClientError, match='Variant "Shadow" of endpoint'):
        world.ask(name, TargetVariant="Shadow")
    with pytest.raises(ClientError, match="exactly one production variant and one shadow"):
        world.config(model, model, shadow=shadow)


def test_what_would_not_be_guarded_is_refused_before_anything_changes(world: World) -> None:
    old = world.config(world.model(GREETING="old"))
    name = world.endpoint(old)
    new = world.config(world.model(GREETING="new"))
    both = world.config(world.model(GREETING="a"), world.model(GREETING="b"))
    ringing = alarm(world, name, TreatMissingData="breaching")
    until(
        lambda: dict(world.aws.cloudwatch.describe_alarms(AlarmNames=[ringing])),
        lambda seen: seen["MetricAlarms"][0]["StateValue"] == "ALARM",
    )
    for config, deployment, reason in (
        (new, guarded("CANARY", CanarySize=size(1)), "must have at least 2 instances"),
        (new, guarded("ALL_AT_ONCE", "no-such-alarm"), r"Could not find .*\[no-such-alarm\]"),
        (new, guarded("ALL_AT_ONCE", ringing), "in state ALARM already"),
        (new, guarded("ALL_AT_ONCE", *(f"a{n}" for n in range(11))), "less than or equal to 10"),
        (new, guarded("CANARY", CanarySize=size(1, "SHARE")), r"enum value set: \[INSTANCE_COUNT"),
        (both, guarded("CANARY", CanarySize=size(1)), "must have the same variant names"),
    ):
        with pytest.raises(ClientError, match=reason):
            update(world, name, config, deployment)
    with pytest.raises(ClientError, match="must not be specified when RetainDeploymentConfig"):
        update(world, name, new, guarded("ALL_AT_ONCE"), RetainDeploymentConfig=True)
    with pytest.raises(ClientError, match='Could not find variant "ModelZ"'):
        world.aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[{"VariantName": "ModelZ", "DesiredWeight": 1}],
        )
    with pytest.raises(ClientError, match="CanarySize is required"):
        world.endpoint(new, DeploymentConfig=guarded("CANARY"))
    seen = described(world, name)
    assert (seen["EndpointStatus"], seen["EndpointConfigName"]) == ("InService", old)
    assert "LastDeploymentConfig" not in seen


def test_an_alarm_that_the_role_may_not_see_is_refused(world: World) -> None:
    blind = allow(
        world.aws,
        world.name("blind"),
        (["ecr:*", "logs:*"], "*"),
        service="sagemaker.amazonaws.com",
    )
    name = world.endpoint(world.config(world.model(GREETING="old")))
    guard = alarm(world, name)
    model = world.name("model")
    world.aws.sagemaker.create_model(
        ModelName=model, ExecutionRoleArn=blind, PrimaryContainer={"Image": IMAGE}
    )
    with pytest.raises(ClientError, match=r"has the permission .*cloudwatch:DescribeAlarms"):
        update(world, name, world.config(model), guarded("ALL_AT_ONCE", guard))


def test_linear_steps_move_traffic_and_every_stage_is_an_event(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="old"), count=2))
    new = world.config(world.model(GREETING="new"), count=2)
    with heard(world, name) as events:
        update(world, name, new, guarded("LINEAR", LinearStepSize=size(50, "CAPACITY_PERCENT")))
        seen = until(
            lambda: {"events": events()},
            lambda state: any(
                each["detail"]["EndpointStatus"] == "IN_SERVICE" for each in state["events"]
            ),
        )["events"]
    kinds = {(each["detail-type"], each["detail"]["EndpointStatus"]) for each in seen}
    assert kinds == {
        ("SageMaker Endpoint State Change", "UPDATING"),
        ("SageMaker Endpoint Deployment State Change", "UPDATING"),
        ("SageMaker Endpoint State Change", "IN_SERVICE"),
    }
    endpoint = described(world, name)
    assert endpoint["EndpointConfigName"] == new
    assert {each["resources"][0] for each in seen} == {endpoint["EndpointArn"]}
    said = {stage(each["detail"]) for each in seen if "PendingDeploymentSummary" in each["detail"]}
    baking = "Baking for 1 seconds (WaitIntervalInSeconds) with traffic enabled on"
    assert said >= {
        "Launching 2 instance(s).",
        "Activating traffic on partial capacity of 1 instance(s).",
        f"{baking} partial capacity of 1 instance(s).",
        "Activating traffic on full capacity of 2 instance(s).",
        f"{baking} full capacity of 2 instance(s).",
    }


def test_a_rolling_update_exchanges_instance_by_instance(world: World) -> None:
    name = world.endpoint(world.config(world.model(GREETING="old"), count=2))
    new = world.config(world.model(GREETING="new"), count=2)
    deployment: Config = {
        "RollingUpdatePolicy": {"MaximumBatchSize": size(1), "WaitIntervalInSeconds": 1}
    }
    counts: set[tuple[int, int]] = set()

    def look() -> Config:
        seen = described(world, name)
        pending = seen.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
        if pending and "Baking" in stage(seen):
            (old,) = seen["ProductionVariants"]
            counts.add((old["CurrentInstanceCount"], pending[0]["CurrentInstanceCount"]))
        return seen

    with load(world, name) as (answers, failures):
        update(world, name, new, deployment)
        ended = until(look, lambda seen: seen["EndpointStatus"] == "InService")
        more(answers, "new", 20)
    assert failures == []
    assert ended["EndpointConfigName"] == new
    assert counts == {(2, 1), (1, 2)}
