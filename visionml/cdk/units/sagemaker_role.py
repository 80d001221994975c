"""The roles that SageMaker assumes: one for jobs, one for hosting."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from constructs import Construct

from visionml.cdk.units.image import Image

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
        self._stack = Stack.of(self)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}},
            ),
            description=description,
        )
        image.grant_pull(self.role)
        self._let_log(log_groups)
        self._let_measure(metric_namespace)
        if in_network:
            self._let_join_network()

    def _let_log(self, groups: list[str]) -> None:
        stack = self._stack
        prefix = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group"
        self.role.add_to_policy(
            PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[f"{prefix}:{group}*" for group in groups],
            )
        )

    def _let_measure(self, namespace: str) -> None:
        self.role.add_to_policy(
            PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],  # the action knows no resources; the condition names the namespace
                conditions={"StringLike": {"cloudwatch:namespace": namespace}},
            )
        )

    def _let_join_network(self) -> None:
        self.role.add_to_policy(
            PolicyStatement(
                actions=list(_NETWORK_ACTIONS),
                resources=["*"],  # SageMaker names the interfaces it makes; describing knows none
            )
        )
