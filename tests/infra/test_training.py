import pytest
from aws_cdk.assertions import Match, Template

from tests.infra.conftest import Synthesised
from visionml.cdk.units.instances import has_local_storage
from visionml.contracts.names import Names


def test_the_group_of_model_packages_is_pinned_and_named(environment: Synthesised) -> None:
    ((path, group),) = environment.resources("AWS::SageMaker::ModelPackageGroup").items()

    assert path == "Training/ModelPackageGroup"
    name = Names.of(environment.settings).model_package_group
    assert group["Properties"]["ModelPackageGroupName"] == name


def test_the_machine_is_logged_without_data_and_traced(environment: Synthesised) -> None:
    template = Template.from_json(environment.templates["Training"])

    template.has_resource_properties(
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineName": Names.of(environment.settings).training_machine,
            "LoggingConfiguration": Match.object_like(
                {"Level": "ALL", "IncludeExecutionData": False}
            ),
            "TracingConfiguration": {"Enabled": True},
        },
    )


def test_outputs_are_what_the_workbench_reads(environment: Synthesised) -> None:
    outputs = {stack: set(each["Outputs"]) for stack, each in environment.templates.items()}

    assert {
        "TrainingMachineArn",
        "ModelPackageGroupName",
        "JobRoleArn",
        "VisionImageUri",
    } <= outputs["Training"]
    assert {"ApiUrl", "ApiId", "ApiKeyId", "EndpointName", "DeploymentMachineArn"} <= outputs[
        "Serving"
    ]
    assert {"RawBucketName", "LineageTableName"} <= outputs["Storage"]


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.m5.large", False),
        ("ml.m5d.large", True),
        ("ml.c6i.xlarge", False),
        ("ml.c6id.xlarge", True),
        ("ml.r7gd.xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.p3.2xlarge", False),
    ],
)
def test_instances_with_disks_of_their_own_are_known(instance_type: str, expected: bool) -> None:
    assert has_local_storage(instance_type) is expected
