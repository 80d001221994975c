"""The roles that SageMaker assumes: one for jobs, one for hosting."""

from aws_cdk import Stack
from aws_cdk.aws_iam import Role, ServicePrincipal
from constructs import Construct

from visionml.cdk.units.image import Image
from visionml.cdk.units.permissions import allow, arn

_NETWORK_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)


class SagemakerRole(Construct):
    """A role that may pull its image, write logs and metrics; stacks grant it data."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        description: str,
        image: Image,
        log_groups: list[str],
        metric_namespace: str,
        in_network: bool,
    ) -> None:
        super().__init__(scope, id)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
            description=description,
        )
        image.let_pull(self.role)
        self._let_log(log_groups)
        self._let_measure(metric_namespace)
        if in_network:
            self._let_join_network()

    def _let_log(self, groups: list[str]) -> None:
        allow(
            self.role,
            [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            [arn(self.role, "logs", f"log-group:{group}*") for group in groups],
            because="SageMaker names the streams, and the group of an endpoint by its name.",
        )

    def _let_measure(self, namespace: str) -> None:
        allow(
            self.role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            because="The action knows no resources; a condition names the namespace.",
            conditions={"StringLike": {"cloudwatch:namespace": namespace}},
        )

    def _let_join_network(self) -> None:
        allow(
            self.role,
            _NETWORK_ACTIONS,
            ["*"],
            because="SageMaker names the network interfaces it makes; describing knows none.",
        )
