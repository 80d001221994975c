"""The network: isolated subnets, and endpoints instead of an internet gateway where it is private.

Elsewhere functions and SageMaker run outside it and reach AWS over the internet. The instances of
AWS Batch have to lie in some network: there they have public subnets, into which nothing leads.
"""

from dataclasses import dataclass

from aws_cdk.aws_ec2 import (
    FlowLogDestination,
    FlowLogTrafficType,
    GatewayVpcEndpointAwsService,
    InterfaceVpcEndpointAwsService,
    IpAddresses,
    Peer,
    Port,
    SecurityGroup,
    SubnetConfiguration,
    SubnetSelection,
    SubnetType,
    Vpc,
)
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.log_group import log_group
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

INTERFACE_ENDPOINTS = {
    "Ecr": InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Ecs": InterfaceVpcEndpointAwsService.ECS,
    "EcsAgent": InterfaceVpcEndpointAwsService.ECS_AGENT,
    "EcsTelemetry": InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
    "Events": InterfaceVpcEndpointAwsService.EVENTBRIDGE,
    "Kinesis": InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
    "Logs": InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Monitoring": InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "Rekognition": InterfaceVpcEndpointAwsService.REKOGNITION,
    "SagemakerApi": InterfaceVpcEndpointAwsService.SAGEMAKER_API,
    "SagemakerRuntime": InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    "Secrets": InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Sns": InterfaceVpcEndpointAwsService.SNS,
    "Ssm": InterfaceVpcEndpointAwsService.SSM,
    "States": InterfaceVpcEndpointAwsService.STEP_FUNCTIONS,
}
"""The APIs that code, and the instances of AWS Batch, call inside the network.

S3 and DynamoDB have gateways.
"""


@dataclass(frozen=True)
class Placement:
    """Where a private environment's jobs, endpoints and functions run, or Batch anywhere."""

    vpc: Vpc
    security_group: SecurityGroup
    kind: SubnetType = SubnetType.PRIVATE_ISOLATED

    @property
    def subnets(self) -> SubnetSelection:
        """The subnets of this kind."""
        return SubnetSelection(subnet_type=self.kind)

    @property
    def subnet_ids(self) -> list[str]:
        """The same, by their ids."""
        return self.vpc.select_subnets(subnet_type=self.kind).subnet_ids

    @property
    def vpc_config(self) -> dict[str, list[str]]:
        """SageMaker's ``VpcConfig``."""
        return {
            "SecurityGroupIds": [self.security_group.security_group_id],
            "Subnets": self.subnet_ids,
        }


class Network(Construct):
    """Two zones of isolated subnets; ``placement`` is None where the network is not private.

    ``batch`` is where the instances of AWS Batch are.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        kinds = {"isolated": SubnetType.PRIVATE_ISOLATED}
        if not settings.private_network:
            kinds["public"] = SubnetType.PUBLIC
        self.vpc = Vpc(
            self,
            "Vpc",
            vpc_name=names.name("vpc"),
            ip_addresses=IpAddresses.cidr("10.40.0.0/16"),
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=20)
                for name, kind in kinds.items()
            ],
        )
        self.vpc.add_gateway_endpoint("S3", service=GatewayVpcEndpointAwsService.S3)
        self.vpc.add_gateway_endpoint("DynamoDb", service=GatewayVpcEndpointAwsService.DYNAMODB)
        self._log_flows(settings, names, logs_key)
        self.placement = self._private(names) if settings.private_network else None
        self.batch = self.placement or self._public(names)

    def _log_flows(self, settings: Settings, names: Names, key: IKey) -> None:
        group = log_group(
            self, "FlowLogs", name=f"/aws/vpc/{names.name('vpc')}", key=key, settings=settings
        )
        role = Role(
            self,
            "FlowLogsRole",
            assumed_by=ServicePrincipal("vpc-flow-logs.amazonaws.com"),
            description="Writes the flow logs of the network.",
        )
        self.vpc.add_flow_log(
            "Flows",
            destination=FlowLogDestination.to_cloud_watch_logs(group, role),
            traffic_type=FlowLogTrafficType.ALL,
        )

    def _public(self, names: Names) -> Placement:
        jobs = SecurityGroup(
            self,
            "Jobs",
            vpc=self.vpc,
            security_group_name=names.name("batch"),
            description="Instances of AWS Batch, which nothing may call",
            allow_all_outbound=False,
        )
        jobs.add_egress_rule(Peer.any_ipv4(), Port.tcp(443), "AWS APIs over the internet")
        return Placement(vpc=self.vpc, security_group=jobs, kind=SubnetType.PUBLIC)

    def _private(self, names: Names) -> Placement:
        workloads = SecurityGroup(
            self,
            "Workloads",
            vpc=self.vpc,
            security_group_name=names.name("workloads"),
            description="Jobs, endpoints and functions of the platform",
            allow_all_outbound=False,
        )
        # the subnets have no route but to the endpoints, S3's and DynamoDB's ranges included
        workloads.add_egress_rule(Peer.any_ipv4(), Port.tcp(443), "AWS APIs through endpoints")
        workloads.connections.allow_internally(Port.all_tcp(), "Between the hosts of one job")
        endpoints = SecurityGroup(
            self,
            "Endpoints",
            vpc=self.vpc,
            security_group_name=names.name("endpoints"),
            description="Interface endpoints of AWS APIs",
            allow_all_outbound=False,
        )
        endpoints.add_ingress_rule(workloads, Port.tcp(443), "From the platform's workloads")
        for name, service in INTERFACE_ENDPOINTS.items():
            self.vpc.add_interface_endpoint(
                name, service=service, open=False, security_groups=[endpoints]
            )
        return Placement(vpc=self.vpc, security_group=workloads)
