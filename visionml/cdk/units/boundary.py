"""The permissions boundary: what no role of the platform can do, whatever its policies say."""

from aws_cdk import Stack
from aws_cdk.aws_iam import (
    Effect,
    IManagedPolicy,
    ManagedPolicy,
    PermissionsBoundary,
    PolicyStatement,
)
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

NAME = "boundary"
WITHIN = (
    "apigateway:DELETE",
    "application-autoscaling:*",
    "athena:*Query*",
    "athena:GetWorkGroup",
    "batch:DescribeJobs",
    "batch:SubmitJob",
    "batch:TagResource",
    "batch:TerminateJob",
    "cloudwatch:*",
    "dynamodb:*Item",
    "dynamodb:DescribeTable",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:*NetworkInterface*",
    "ec2:*PrivateIpAddresses",
    "ec2:Describe*",
    "ecr:*Get*",
    "ecr:BatchCheckLayerAvailability",
    "ecr:DescribeImages",
    "ecs:*",
    "events:*",
    "firehose:PutRecord*",
    "glue:*",
    "iam:PassRole",
    "kinesis:*Consumer*",
    "kinesis:DescribeStream*",
    "kinesis:Get*",
    "kinesis:ListShards",
    "kinesis:PutRecord*",
    "kinesis:SubscribeToShard",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "lambda:InvokeFunction",
    "logs:*",
    "rekognition:Detect*",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject*",
    "s3:GetBucketLocation",
    "s3:GetObject*",
    "s3:List*",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "sagemaker:*",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "sns:Publish",
    "sqs:*Message*",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "ssm:*Parameter*",
    "states:*Execution*",
    "states:SendTask*",
    "xray:*",
)
"""What roles may be given at most: work with data, and none of the ways to open or unguard it.

Not in it, among others: changing roles and policies, a bucket's policy, encryption or public
access, a key's policy or its deletion, tables, queues and topics themselves, functions' code,
and everything about trails and organisations.
"""

_LEAVING = (
    "dynamodb:*Item",
    "firehose:PutRecord*",
    "kinesis:PutRecord*",
    "s3:PutObject",
    "sns:Publish",
    "sqs:SendMessage",
)
"""How data could leave the account."""


class Boundary(Construct):
    """The managed policy that every role of an environment has for its boundary."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
    ) -> None:
        super().__init__(scope, id)
        policy = ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=names.name(NAME),
            description="What no role of the platform can go beyond.",
            statements=[
                PolicyStatement(sid="Within", actions=list(WITHIN), resources=["*"]),
                PolicyStatement(
                    sid="DataStays",
                    effect=Effect.DENY,
                    actions=list(_LEAVING),
                    resources=["*"],
                    conditions={"StringNotEquals": {"aws:ResourceAccount": Stack.of(self).account}},
                ),
            ],
        )
        reason = "A boundary allows nothing by itself; it is what policies cannot go beyond."
        wide = {f"AwsSolutions-IAM5[Action::{each}]": reason for each in WITHIN if "*" in each}
        acknowledge(policy, {**wide, "AwsSolutions-IAM5[Resource::*]": reason})


def bound(stack: Stack, settings: Settings, names: Names) -> None:
    """Give every role of a stack the boundary: the platform's, or the one that settings name.

    The policy is named, not referred to: every stack builds on the one that has it.
    """
    own = settings.permissions_boundary
    policy: IManagedPolicy = (
        ManagedPolicy.from_managed_policy_arn(stack, "Boundary", own)
        if own
        else ManagedPolicy.from_managed_policy_name(stack, "Boundary", names.name(NAME))
    )
    PermissionsBoundary.of(stack).apply(policy)
