"""No role goes beyond the boundary, whatever its policies say."""

import re

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template
from aws_cdk.aws_iam import Role, ServicePrincipal

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.units.boundary import WITHIN
from visionml.contracts import settings
from visionml.contracts.names import Names
from visionml.guardrails.grants import pairs, role_statements

FORBIDDEN = (
    "cloudtrail:StopLogging",
    "dynamodb:DeleteTable",
    "iam:AttachRolePolicy",
    "iam:CreateUser",
    "iam:PutRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "lambda:UpdateFunctionCode",
    "organizations:LeaveOrganization",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "sqs:SetQueueAttributes",
    "sts:AssumeRole",
)


def _within(action: str) -> bool:
    return any(
        re.fullmatch(pattern.replace("*", ".*"), action, re.IGNORECASE) for pattern in WITHIN
    )


def test_every_role_has_the_boundary(environment: Synthesised) -> None:
    boundary = environment.properties("AWS::IAM::ManagedPolicy")[0]["ManagedPolicyName"]
    roles = environment.properties("AWS::IAM::Role")
    assert roles
    for role in roles:
        assert text(role["PermissionsBoundary"]).endswith(f":policy/{boundary}")


def test_what_roles_are_granted_lies_within_the_boundary(environment: Synthesised) -> None:
    granted = {
        action
        for statements in role_statements(environment.templates).values()
        for action, _resource in pairs(statements)
    }
    assert granted
    assert {action for action in granted if not _within(action)} == set()


@pytest.mark.parametrize("action", FORBIDDEN)
def test_the_boundary_keeps_the_ways_out_shut(action: str) -> None:
    assert not _within(action)


def test_a_bare_role_in_a_stack_gets_the_boundary() -> None:
    chosen = settings.load("dev")
    stack = PlatformStack(App(), "bare", settings=chosen, description="Of a test.")
    Role(stack, "Role", assumed_by=ServicePrincipal("lambda.amazonaws.com"))
    (role,) = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    boundary = Names.of(chosen).name("boundary")
    assert text(role["Properties"]["PermissionsBoundary"]).endswith(f":policy/{boundary}")


def test_data_leaves_for_no_other_account(prod: Synthesised) -> None:
    (policy,) = prod.properties("AWS::IAM::ManagedPolicy")
    (deny,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert deny["Condition"] == {
        "StringNotEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
    }
    assert {"s3:PutObject", "sns:Publish", "sqs:SendMessage"} <= set(deny["Action"])


def test_stacks_build_on_the_one_that_has_the_boundary(prod: Synthesised) -> None:
    storage = prod.templates["Storage"]["Resources"]
    assert not [each for each in storage.values() if each["Type"] == "AWS::IAM::Role"]
    for name, template in prod.templates.items():
        imports = "Storage" in str(template) or "storage" in str(template)
        assert imports or name == "Storage"


def test_an_accounts_own_boundary_takes_its_place(overridden: Synthesised) -> None:
    own = overridden.settings.permissions_boundary
    assert own
    assert overridden.properties("AWS::IAM::ManagedPolicy") == []
    bounds = {role["PermissionsBoundary"] for role in overridden.properties("AWS::IAM::Role")}
    assert bounds == {own}
