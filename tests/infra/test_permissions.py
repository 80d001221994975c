import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.aws_iam import Role, ServicePrincipal

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.permissions import allow

WITHOUT_RESOURCES = {
    # cloudwatch:PutMetricData, limited to a namespace by a condition
    "cloudwatch:PutMetricData",
    "cloudwatch:DescribeAlarms",
    "application-autoscaling:DescribeScalableTargets",
    "ecr:GetAuthorizationToken",
    # what deployments made
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModels",
    # what pictures show
    "rekognition:DetectFaces",
    "rekognition:DetectLabels",
    "rekognition:DetectText",
    # how crawlers encrypt
    "glue:GetSecurityConfiguration",
    # X-Ray
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    # log delivery of state machines
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    # jobs of AWS Batch, and the agents of its instances
    "batch:DescribeJobs",
    "ecs:DiscoverPollEndpoint",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    # network interfaces, named by the service that makes them
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
}

DELETES = {
    "HandlersActiveVersionWatcher": {"ssm:DeleteParameter"},
    "HandlersBatchPlanner": {"s3:DeleteObject"},
    "JobJobsRole": {"s3:DeleteObject"},
    "BatchRole": {"sagemaker:DeleteModel"},
    "HandlersDeploymentCleaner": {
        "s3:DeleteObject",
        "sagemaker:DeleteEndpoint",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteModel",
    },
    "DetectorFileManager": {"s3:DeleteObjectVersion"},
    "HandlersReceiver": {"s3:DeleteObjectVersion", "sqs:DeleteMessage"},
    "DeploymentRole": {"sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig"},
}
"""What roles may delete, by the beginning of their logical ids."""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(found: Synthesised) -> list[dict[str, Any]]:
    policies = found.properties("AWS::IAM::Policy")
    assert policies
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def granted(found: Synthesised, role: str) -> set[str]:
    """Return the actions of the role whose logical id begins like this."""
    return {
        action
        for policy in found.properties("AWS::IAM::Policy")
        if text(policy["Roles"][0]).startswith(f"<{role}")
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }


def test_no_action_is_a_wildcard(environment: Synthesised) -> None:
    for statement in statements(environment):
        assert not [action for action in listed(statement["Action"]) if "*" in action]


def test_only_actions_that_know_no_resources_are_allowed_on_all(
    environment: Synthesised,
) -> None:
    on_all = {
        action
        for statement in statements(environment)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }

    assert on_all <= WITHOUT_RESOURCES


def test_no_managed_policy_but_the_one_api_gateway_demands(environment: Synthesised) -> None:
    managed = [
        text(arn)
        for role in environment.properties("AWS::IAM::Role")
        for arn in role.get("ManagedPolicyArns", [])
    ]

    assert [arn.rsplit("/", 1)[1] for arn in managed] == ["AmazonAPIGatewayPushToCloudWatchLogs"]


def test_roles_are_passed_to_sagemaker_only(environment: Synthesised) -> None:
    passing = [each for each in statements(environment) if each["Action"] == "iam:PassRole"]

    assert len(passing) == 3
    for statement in passing:
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }
        assert len(listed(statement["Resource"])) == 1


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (
            "HandlersRunPlanner",
            {
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeTrainingJob",
                "states:DescribeExecution",
            },
        ),
        (
            "HandlersCandidateChooser",
            {
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "ssm:GetParameter",
            },
        ),
        (
            "HandlersRunStarter",
            {
                "s3:GetObject",
                "s3:ListBucket",
                "states:DescribeExecution",
                "states:StartExecution",
            },
        ),
        (
            "HandlersShardPreparer",
            {"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
        ),
        (
            "HandlersRunRecorder",
            {"dynamodb:GetItem", "dynamodb:PutItem"},
        ),
        ("HandlersEvaluationGate", {"s3:GetObject", "s3:ListBucket"}),
        (
            "HandlersModelRegistrar",
            {
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "ecr:BatchGetImage",
                "ecr:DescribeImages",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:CreateModelPackage",
                "ssm:GetParameter",
                "ssm:PutParameter",
            },
        ),
        (
            "HandlersDeploymentPlanner",
            {
                "cloudwatch:DescribeAlarms",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:DescribeEndpoint",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:DescribeModel",
                "sagemaker:DescribeModelPackage",
                "ssm:GetParameter",
                "states:DescribeExecution",
            },
        ),
        (
            "HandlersDeploymentProber",
            {
                "cloudwatch:PutMetricData",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:InvokeEndpoint",
                "ssm:GetParameter",
            },
        ),
        (
            "HandlersDeploymentRecorder",
            {
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "sagemaker:DescribeEndpoint",
                "ssm:GetParameter",
                "ssm:PutParameter",
            },
        ),
        (
            "HandlersStagingChecker",
            {"s3:GetObject", "s3:ListBucket", "sagemaker:InvokeEndpoint"},
        ),
        *(
            (
                f"HandlersApproval{which}",
                {
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "sagemaker:DescribeModelPackage",
                    "states:SendTaskFailure",
                    "states:SendTaskSuccess",
                },
            )
            for which in ("Requester", "Resolver")
        ),
        (
            "HandlersInferenceAdapter",
            {
                "kinesis:PutRecord",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:DescribeEndpoint",
                "sagemaker:InvokeEndpoint",
            },
        ),
        ("HandlersUploadIssuer", {"s3:PutObject"}),
        (
            "HandlersPredictionAcceptor",
            {"dynamodb:PutItem", "kinesis:PutRecord", "s3:PutObject"},
        ),
        ("HandlersPredictionReader", {"dynamodb:GetItem"}),
        (
            "HandlersPredictionConsumer",
            {
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
                "kinesis:PutRecords",
                "s3:GetObject",
                "s3:ListBucket",
                "sagemaker:DescribeEndpoint",
                "sagemaker:InvokeEndpoint",
                "sqs:SendMessage",
            },
        ),
        (
            "HandlersAnswerKeeper",
            {
                "dynamodb:BatchWriteItem",
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            },
        ),
        (
            "HandlersGroundTruth",
            {
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "s3:GetObject",
                "s3:ListBucket",
                "s3:PutObject",
            },
        ),
        (
            "HandlersChallengerScaler",
            {
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:PutScheduledAction",
                "application-autoscaling:RegisterScalableTarget",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:PutMetricAlarm",
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
            },
        ),
        ("HandlersCacheClearer", {"apigateway:DELETE"}),
        (
            "HandlersReceiver",
            {
                "dynamodb:PutItem",
                "dynamodb:Query",
                "s3:DeleteObjectVersion",
                "s3:GetObjectVersion",
                "s3:ListBucketVersions",
                "s3:PutObject",
                "secretsmanager:GetSecretValue",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "states:StartExecution",
            },
        ),
        ("HandlersUploadReceiver", {"s3:PutObject", "secretsmanager:GetSecretValue"}),
        (
            "HandlersImageReader",
            {
                "dynamodb:GetItem",
                "dynamodb:Query",
                "s3:GetObject",
                "secretsmanager:GetSecretValue",
            },
        ),
        ("DetectorImageProcessor", {"rekognition:DetectLabels", "s3:GetObject"}),
        (
            "DetectorFileManager",
            {
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "s3:DeleteObjectVersion",
                "s3:GetObjectVersion",
                "s3:ListBucketVersions",
                "s3:PutObject",
            },
        ),
        ("DetectorNotificationService", {"s3:GetObject", "sns:Publish"}),
        (
            "HandlersBatchPlanner",
            {
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListBucket",
                "s3:PutObject",
                "s3:AbortMultipartUpload",
                "ssm:GetParameter",
                "states:DescribeExecution",
            },
        ),
        (
            "HandlersBatchSummariser",
            {"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
        ),
        ("HandlersHealthReporter", {"sagemaker:DescribeEndpoint", "ssm:GetParameter"}),
    ],
)
def test_each_function_may_do_its_own_work_and_nothing_else(
    local: Synthesised, role: str, actions: set[str]
) -> None:
    of_all = {"logs:CreateLogStream", "logs:PutLogEvents"} | {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    found = {each for each in granted(local, role) if not each.startswith("kms:")}

    assert found - of_all == actions


def test_the_function_that_prepares_writes_shards_only(local: Synthesised) -> None:
    writing = [
        statement
        for policy in local.properties("AWS::IAM::Policy")
        if text(policy["Roles"][0]).startswith("<HandlersShardPreparer")
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:PutObject" in listed(statement["Action"])
    ]

    (resource,) = [text(statement["Resource"]) for statement in writing]
    assert (
        resource.split(":::")[1] == "ml-pipeline-datasets-local-us-east-1-000000000000/prepared/*"
    )


def test_the_training_machine_may_await_the_jobs_it_starts(environment: Synthesised) -> None:
    found = granted(environment, "TrainingRole")

    for kind in ("TrainingJob", "ProcessingJob", "HyperParameterTuningJob"):
        assert {f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")} <= found
    assert {"events:PutTargets", "events:PutRule", "events:DescribeRule"} <= found
    rules = json.dumps(statements(environment))
    assert "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule" in rules
    assert "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule" in rules
    assert "rule/StepFunctionsGetEventsForSageMakerTuningJobsRule" in rules
    assert "events:PutEvents" in found


def test_only_those_who_clean_up_may_delete_and_only_that(environment: Synthesised) -> None:
    deleting: dict[str, set[str]] = {}
    for policy in environment.properties("AWS::IAM::Policy"):
        role = next(
            (each for each in DELETES if text(policy["Roles"][0]).startswith(f"<{each}")), ""
        )
        deleting.setdefault(role, set()).update(
            action
            for statement in policy["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
            if action.split(":")[1].startswith("Delete")
        )

    assert deleting.pop("") <= WITHOUT_RESOURCES
    assert {role: found - WITHOUT_RESOURCES for role, found in deleting.items()} == DELETES


@pytest.fixture
def role() -> Role:
    stack = Stack(App(), "Stack")
    return Role(stack, "Role", assumed_by=ServicePrincipal("lambda.amazonaws.com"))


def test_a_wildcard_without_a_reason_is_refused(role: Role) -> None:
    with pytest.raises(ValueError, match="Say why"):
        allow(role, ["s3:GetObject"], ["arn:aws:s3:::bucket/*"])


def test_a_wildcard_among_actions_is_refused(role: Role) -> None:
    with pytest.raises(ValueError, match="Name the actions"):
        allow(role, ["s3:*"], ["arn:aws:s3:::bucket"])
