"""Endpoints that grow and shrink by themselves, and no request that is lost on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.test_endpoints import load
from tests.functional.sagemaker.world import World, until

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture
def scaling(world: World) -> Iterator[Any]:
    client = world.aws.client("application-autoscaling")
    yield client
    for target in client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
        client.deregister_scalable_target(**identity(target["ResourceId"]))


def identity(resource: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource,
        "ScalableDimension": _DIMENSION,
    }


def track(scaling: Any, resource: str, *, target: float, **config: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return dict(
        scaling.put_scaling_policy(
            **identity(resource),
            PolicyName="invocations",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": target,
                "PredefinedMetricSpecification": metric,
                **config,
            },
        )
    )


def instances(world: World, endpoint: str, count: int) -> None:
    until(
        lambda: dict(world.aws.sagemaker.describe_endpoint(EndpointName=endpoint)),
        lambda seen: (
            seen["EndpointStatus"] == "InService"
            and seen["ProductionVariants"][0]["CurrentInstanceCount"] == count
        ),
    )


def activities(scaling: Any, resource: str) -> list[dict[str, Any]]:
    found = scaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=resource)
    return [dict(each) for each in found["ScalingActivities"]]


def impatient(world: World, name: str, *, periods: int) -> None:
    """Have an alarm look at fewer periods, so that a test need not wait for fifteen of them."""
    (alarm,) = world.aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept: Any = {
        member: alarm[member]
        for member in (
            "AlarmName",
            "Namespace",
            "MetricName",
            "Dimensions",
            "Statistic",
            "Period",
            "Threshold",
            "ComparisonOperator",
        )
    }
    world.aws.cloudwatch.put_metric_alarm(**kept, EvaluationPeriods=periods)


def test_instances_come_under_load_and_go_after_it_and_no_request_fails(
    world: World, scaling: Any
) -> None:
    endpoint = world.endpoint(world.config(world.model(GREETING="hello")))
    resource = f"endpoint/{endpoint}/variant/ModelA"
    scaling.register_scalable_target(**identity(resource), MinCapacity=1, MaxCapacity=2)
    made = track(scaling, resource, target=60, ScaleOutCooldown=1, ScaleInCooldown=1)
    high, low = sorted(alarm["AlarmName"] for alarm in made["Alarms"])
    with load(world, endpoint) as (_, failures):
        instances(world, endpoint, 2)
    impatient(world, low, periods=2)
    # an endpoint that nobody asks publishes nothing that could be below a target
    with load(world, endpoint, workers=1, pause_seconds=1.5) as (answers, later_failures):
        instances(world, endpoint, 1)
        enough = answers["hello"] + 2
        until(lambda: dict(answers), lambda seen: seen["hello"] >= enough)
    assert failures == later_failures == []
    until(
        lambda: {"all": activities(scaling, resource)},
        lambda seen: {each["StatusCode"] for each in seen["all"]} == {"Successful"},
    )
    shrunk, grown = activities(scaling, resource)
    assert grown["Description"] == "Setting desired instance count to 2."
    assert grown["Cause"] == f"monitor alarm {high} in state ALARM triggered policy invocations"
    assert shrunk["Description"] == "Setting desired instance count to 1."
    assert shrunk["Cause"] == f"monitor alarm {low} in state ALARM triggered policy invocations"


def test_a_policys_alarms_live_as_long_as_the_policy(world: World, scaling: Any) -> None:
    endpoint = world.endpoint(world.config(world.model()))
    resource = f"endpoint/{endpoint}/variant/ModelA"
    scaling.register_scalable_target(**identity(resource), MinCapacity=1, MaxCapacity=3)
    track(scaling, resource, target=1000)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    alarms = world.aws.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert sorted(alarm["AlarmArn"] for alarm in alarms) == sorted(
        alarm["AlarmARN"] for alarm in policy["Alarms"]
    )
    scaling.deregister_scalable_target(**identity(resource))
    assert world.aws.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


def test_a_scheduled_action_moves_the_bounds(world: World, scaling: Any) -> None:
    endpoint = world.endpoint(world.config(world.model()))
    resource = f"endpoint/{endpoint}/variant/ModelA"
    scaling.register_scalable_target(**identity(resource), MinCapacity=1, MaxCapacity=3)
    scaling.put_scheduled_action(
        **identity(resource),
        ScheduledActionName="morning",
        Schedule="at(2026-01-01T00:00:00)",
        ScalableTargetAction={"MinCapacity": 2},
    )
    instances(world, endpoint, 2)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["MinCapacity"] == 2


@pytest.mark.parametrize(
    ("resource", "bounds", "code"),
    [
        ("endpoint/absent/variant/ModelA", {"MinCapacity": 1, "MaxCapacity": 2}, "Validation"),
        ("table/absent", {"MinCapacity": 1, "MaxCapacity": 2}, "Validation"),
        ("endpoint/absent/variant/ModelA", {"MinCapacity": 1}, "Validation"),
        ("endpoint/absent/variant/ModelA", {"MinCapacity": 3, "MaxCapacity": 2}, "Validation"),
    ],
)
def test_a_target_that_cannot_be_scaled_is_refused(
    scaling: Any, resource: str, bounds: dict[str, int], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        scaling.register_scalable_target(**identity(resource), **bounds)
    assert refused.value.response["Error"]["Code"] == f"{code}Exception"


def test_a_policy_without_a_target_is_refused(scaling: Any) -> None:
    with pytest.raises(ClientError) as refused:
        track(scaling, "endpoint/absent/variant/ModelA", target=10)
    assert refused.value.response["Error"]["Code"] == "ObjectNotFoundException"


def test_what_is_not_offered_says_so(scaling: Any) -> None:
    with pytest.raises(ClientError) as refused:
        scaling.register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId="table/t",
            ScalableDimension="dynamodb:table:ReadCapacityUnits",
            MinCapacity=1,
            MaxCapacity=2,
        )
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
