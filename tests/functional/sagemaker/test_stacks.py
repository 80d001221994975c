"""SageMaker's resources in CloudFormation stacks."""

import json
from typing import Any

from tests.functional.sagemaker.world import IMAGE, World, until

DEPLOYMENT = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": "0"}
    }
}


def template(world: World, endpoint: str, **environment: str) -> str:
    return json.dumps(
        {
            "Parameters": {"Count": {"Type": "Number", "Default": "1"}},
            "Resources": {
                "Model": {
                    "Type": "AWS::SageMaker::Model",
                    "Properties": {
                        "ExecutionRoleArn": world.role,
                        "PrimaryContainer": {"Image": IMAGE, "Environment": environment},
                    },
                },
                "Config": {
                    "Type": "AWS::SageMaker::EndpointConfig",
                    "Properties": {
                        "ProductionVariants": [
                            {
                                "VariantName": "ModelA",
                                "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                                "InstanceType": "ml.m5.large",
                                "InitialInstanceCount": {"Ref": "Count"},
                                "InitialVariantWeight": 1,
                            }
                        ]
                    },
                },
                "Endpoint": {
                    "Type": "AWS::SageMaker::Endpoint",
                    "Properties": {
                        "EndpointName": endpoint,
                        "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                        "DeploymentConfig": DEPLOYMENT,
                        "RetainAllVariantProperties": "true",
                    },
                },
                "Group": {"Type": "AWS::SageMaker::ModelPackageGroup",
                          "Properties": {"ModelPackageGroupName": f"{endpoint}-group"}},
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Model", "Endpoint", "Group")},
        }
    )  # fmt: skip


def settled(world: World, stack: str) -> dict[str, Any]:
    return until(
        lambda: dict(world.aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]),
        lambda seen: not seen["StackStatus"].endswith("IN_PROGRESS"),
    )


def reasons(world: World, stack: str) -> dict[str, str]:
    events = world.aws.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    }


def test_a_stack_creates_changes_and_removes_an_endpoint(world: World) -> None:
    stack, endpoint = world.name("stack"), world.name("Endpoint")
    stacks = world.aws.cloudformation
    stacks.create_stack(StackName=stack, TemplateBody=template(world, endpoint, GREETING="one"))
    created = settled(world, stack)
    assert created["StackStatus"] == "CREATE_COMPLETE", reasons(world, stack)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in created["Outputs"]}
    prefix = "arn:aws:sagemaker:us-east-1:000000000000"
    assert outputs["Endpoint"] == f"{prefix}:endpoint/{endpoint.lower()}"
    assert outputs["Model"].startswith(f"{prefix}:model/{stack}-model-")
    assert outputs["Group"].startswith(f"{prefix}:model-package-group/")
    assert world.ask(endpoint) == "one"

    stacks.update_stack(StackName=stack, TemplateBody=template(world, endpoint, GREETING="two"))
    assert settled(world, stack)["StackStatus"] == "UPDATE_COMPLETE", reasons(world, stack)
    assert world.ask(endpoint) == "two"
    described = world.aws.sagemaker.describe_endpoint(EndpointName=endpoint)
    policy = described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == 0

    stacks.delete_stack(StackName=stack)
    until(
        lambda: {"left": world.aws.sagemaker.list_models(NameContains=stack)["Models"]},
        lambda seen: not seen["left"],
    )
    endpoints = world.aws.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]
    assert endpoints == []


def test_a_container_that_fails_fails_the_stack_with_its_reason(world: World) -> None:
    stack, endpoint = world.name("stack"), world.name("endpoint")
    stacks = world.aws.cloudformation
    stacks.create_stack(StackName=stack, TemplateBody=template(world, endpoint, CRASH="1"))
    assert settled(world, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in reasons(world, stack)["Endpoint"]
    assert world.aws.sagemaker.list_models(NameContains=stack)["Models"] == []
    endpoints = world.aws.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]
    assert endpoints == []


def test_a_failed_update_rolls_back_while_the_old_model_serves(world: World) -> None:
    stack, endpoint = world.name("stack"), world.name("endpoint")
    stacks = world.aws.cloudformation
    stacks.create_stack(StackName=stack, TemplateBody=template(world, endpoint, GREETING="one"))
    settled(world, stack)
    stacks.update_stack(StackName=stack, TemplateBody=template(world, endpoint, CRASH="1"))
    assert settled(world, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert world.ask(endpoint) == "one"
    assert len(world.aws.sagemaker.list_models(NameContains=stack)["Models"]) == 1
    stacks.delete_stack(StackName=stack)
