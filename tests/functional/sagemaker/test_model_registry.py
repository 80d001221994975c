"""Model package groups, versions, approval, tags."""

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.world import IMAGE, World


def group(world: World) -> str:
    name = world.name("group")
    world.aws.sagemaker.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "vision"}]
    )
    return name


def package(world: World, group_name: str, status: str = "PendingManualApproval") -> str:
    return world.aws.sagemaker.create_model_package(
        ModelPackageGroupName=group_name,
        ModelApprovalStatus=status,  # type: ignore[arg-type]
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "Environment": {"GREETING": "packaged"}}],
            "SupportedContentTypes": ["image/png"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={"run": "run-1"},
    )["ModelPackageArn"]


def test_versions_count_up_and_are_not_given_twice(world: World) -> None:
    name = group(world)
    first, second = package(world, name), package(world, name)
    assert first.endswith(f":model-package/{name}/1")
    assert second.endswith(f":model-package/{name}/2")
    world.aws.sagemaker.delete_model_package(ModelPackageName=second)
    assert package(world, name).endswith("/3")
    listed = world.aws.sagemaker.list_model_packages(ModelPackageGroupName=name)
    versions = [each["ModelPackageVersion"] for each in listed["ModelPackageSummaryList"]]
    assert versions == [1, 3]


def test_a_package_is_described_and_approved(world: World) -> None:
    arn = package(world, group(world))
    described = world.aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CustomerMetadataProperties"] == {"run": "run-1"}
    world.aws.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="passed its gate",
        CustomerMetadataProperties={"gate": "passed"},
    )
    described = world.aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "passed its gate"
    assert described["CustomerMetadataProperties"] == {"run": "run-1", "gate": "passed"}
    assert described["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE


def test_only_an_approved_package_becomes_a_model(world: World) -> None:
    name = group(world)
    pending, approved = package(world, name), package(world, name, "Approved")

    def create(arn: str) -> str:
        model = world.name("model")
        world.aws.sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn=world.role,
            PrimaryContainer={"ModelPackageName": arn},
        )
        return model

    with pytest.raises(ClientError, match="is not approved"):
        create(pending)
    assert world.ask(world.endpoint(world.config(create(approved)))) == "packaged"


def test_a_group_with_packages_is_not_deleted(world: World) -> None:
    name = group(world)
    arn = package(world, name)
    with pytest.raises(world.aws.sagemaker.exceptions.ConflictException):
        world.aws.sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    world.aws.sagemaker.delete_model_package(ModelPackageName=arn)
    world.aws.sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    with pytest.raises(ClientError, match="does not exist"):
        world.aws.sagemaker.describe_model_package_group(ModelPackageGroupName=name)


def test_an_unknown_group_takes_no_package(world: World) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        package(world, "no-such-group")


def test_tags_are_added_listed_and_removed(world: World) -> None:
    name = group(world)
    described = world.aws.sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    arn = described["ModelPackageGroupArn"]
    world.aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])
    world.aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    tags = world.aws.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "stage", "Value": "dev"}]
    with pytest.raises(ClientError, match="Could not find resource"):
        world.aws.sagemaker.list_tags(ResourceArn=f"{arn}-not")
