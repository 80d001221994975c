from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.contracts.names import Names

NEVER = ("AWS::EC2::NatGateway", "AWS::EC2::EIP")


def test_nothing_leads_out_of_a_private_network_to_the_internet(environment: Synthesised) -> None:
    for kind in NEVER:
        assert environment.resources(kind) == {}
    public = [each["MapPublicIpOnLaunch"] for each in environment.properties("AWS::EC2::Subnet")]
    if environment.settings.private_network:
        assert environment.resources("AWS::EC2::InternetGateway") == {}
        assert environment.properties("AWS::EC2::Route") == []
        assert public == [False, False]
    else:
        assert public == [False, False, True, True]


def test_nothing_leads_into_the_network_of_batch_jobs(environment: Synthesised) -> None:
    (resources, *_) = [
        each["ComputeResources"]
        for each in environment.properties("AWS::Batch::ComputeEnvironment")
    ]
    (group,) = resources["SecurityGroupIds"]
    groups = environment.properties("AWS::EC2::SecurityGroup")

    assert "Fn::ImportValue" in group
    assert all("SecurityGroupIngress" not in each for each in groups)
    (jobs,) = [each for each in groups if each["GroupName"] in names_of_job_groups(environment)]
    (out,) = jobs["SecurityGroupEgress"]
    assert (out["FromPort"], out["ToPort"]) == (443, 443)


def names_of_job_groups(environment: Synthesised) -> set[str]:
    names = Names.of(environment.settings)
    return {names.name("workloads" if environment.settings.private_network else "batch")}


def test_the_subnets_lie_in_two_zones(environment: Synthesised) -> None:
    zones = [each["AvailabilityZone"] for each in environment.properties("AWS::EC2::Subnet")]
    kinds = 1 if environment.settings.private_network else 2

    assert zones == [{"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in (0, 1)] * kinds


def test_storage_is_reached_through_gateways_everywhere(environment: Synthesised) -> None:
    gateways = [
        each
        for each in environment.properties("AWS::EC2::VPCEndpoint")
        if each["VpcEndpointType"] == "Gateway"
    ]

    services = sorted(text(each["ServiceName"]).rsplit(".", 1)[-1] for each in gateways)
    assert services == ["dynamodb", "s3"]


def test_interface_endpoints_are_paid_for_in_private_networks_only(
    environment: Synthesised,
) -> None:
    interfaces = [
        text(each["ServiceName"])
        for each in environment.properties("AWS::EC2::VPCEndpoint")
        if each["VpcEndpointType"] == "Interface"
    ]

    private = environment.settings.private_network
    assert private == (environment.settings.environment in {"staging", "prod"})
    assert sorted(interfaces) == (
        [
            "com.amazonaws.us-east-1.ecr.api",
            "com.amazonaws.us-east-1.ecr.dkr",
            "com.amazonaws.us-east-1.ecs",
            "com.amazonaws.us-east-1.ecs-agent",
            "com.amazonaws.us-east-1.ecs-telemetry",
            "com.amazonaws.us-east-1.events",
            "com.amazonaws.us-east-1.kinesis-streams",
            "com.amazonaws.us-east-1.logs",
            "com.amazonaws.us-east-1.monitoring",
            "com.amazonaws.us-east-1.rekognition",
            "com.amazonaws.us-east-1.sagemaker.api",
            "com.amazonaws.us-east-1.sagemaker.runtime",
            "com.amazonaws.us-east-1.secretsmanager",
            "com.amazonaws.us-east-1.sns",
            "com.amazonaws.us-east-1.ssm",
            "com.amazonaws.us-east-1.states",
        ]
        if private
        else []
    )


def test_endpoints_are_open_to_the_workloads_alone(prod: Synthesised) -> None:
    inbound = prod.properties("AWS::EC2::SecurityGroupIngress")
    groups = prod.properties("AWS::EC2::SecurityGroup")

    assert all("SourceSecurityGroupId" in rule and "CidrIp" not in rule for rule in inbound)
    assert all("SecurityGroupIngress" not in group for group in groups)
    ports = sorted((rule["FromPort"], rule["ToPort"]) for rule in inbound)
    assert ports == [(0, 65535), (443, 443)]


def test_flows_are_logged_and_the_log_is_encrypted(environment: Synthesised) -> None:
    (flows,) = environment.properties("AWS::EC2::FlowLog")
    (group,) = environment.properties("AWS::Logs::LogGroup", stack="Network")

    assert flows["TrafficType"] == "ALL"
    assert "KmsKeyId" in group
    assert group["RetentionInDays"] == environment.settings.retention.logs_days


def test_functions_of_a_private_network_run_inside_it(environment: Synthesised) -> None:
    outside = {
        each["FunctionName"]
        for each in environment.properties("AWS::Lambda::Function")
        if "VpcConfig" not in each
    }

    # API Gateway's management and Application Auto Scaling have no endpoint in the network
    names = Names.of(environment.settings)
    meant = {names.function(module) for module in ("cache_clearer", "challenger_scaler")}
    assert meant <= outside
    assert not environment.settings.private_network or outside == meant
