"""The role that API Gateway writes the logs of an account's APIs with."""

from aws_cdk.aws_apigateway import CfnAccount
from aws_cdk.aws_iam import ManagedPolicy, Role, ServicePrincipal
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.lifetime import removal_policy
from visionml.contracts.settings import Settings

_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


class ApiLogging(Construct):
    """The account has one such role in a region, so all APIs share it and none declares it."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:  # noqa: A002
        super().__init__(scope, id)
        role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("apigateway.amazonaws.com"),
            description="What API Gateway writes the logs of APIs with.",
            managed_policies=[ManagedPolicy.from_aws_managed_policy_name(_POLICY)],
        )
        account = CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        for resource in (role, account):
            resource.apply_removal_policy(removal_policy(settings))
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]": (
                    "API Gateway demands this policy of the account's one logging role."
                )
            },
        )
