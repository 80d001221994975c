"""Resources that lay something open, each with the check that finds it."""

from typing import Any

Json = dict[str, Any]

_KEY = {"Fn::GetAtt": ["Key", "Arn"]}
_BLOCKED = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED: Json = {"ServerSideEncryptionConfiguration": [{}]}
_ALLOW: Json = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/key"}
_BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def _resource(kind: str, **properties: Any) -> Json:
    return {"Type": kind, "Properties": properties}


def _bucket(**changes: Any) -> Json:
    healthy = {"PublicAccessBlockConfiguration": _BLOCKED, "BucketEncryption": _ENCRYPTED}
    return _resource("AWS::S3::Bucket", **{**healthy, **changes})


def _anybody(kind: str, principal: Any = "*", **more: Any) -> Json:
    document = {"Statement": [{**_ALLOW, "Principal": principal, **more}]}
    return _resource(kind, PolicyDocument=document)


def _role(**changes: Any) -> Json:
    statement = {**_ALLOW, **changes}
    policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": [statement]}}]
    return _resource("AWS::IAM::Role", PermissionsBoundary=_BOUNDARY, Policies=policies)


def _ingress(**peer: str) -> Json:
    group = {"Fn::GetAtt": ["Group", "GroupId"]}
    return _resource(
        "AWS::EC2::SecurityGroupIngress", GroupId=group, FromPort=443, ToPort=443, **peer
    )


RESOURCES: list[tuple[str, Json]] = [
    ("public-access", _bucket(PublicAccessBlockConfiguration={})),
    (
        "public-access",
        _bucket(PublicAccessBlockConfiguration={**_BLOCKED, "BlockPublicPolicy": False}),
    ),
    ("public-access", _anybody("AWS::S3::BucketPolicy")),
    ("public-access", _anybody("AWS::SQS::QueuePolicy", {"AWS": "*"})),
    ("unencrypted", _bucket(BucketEncryption=None)),
    ("unencrypted", _resource("AWS::SQS::Queue")),
    ("unencrypted", _resource("AWS::SQS::Queue", SqsManagedSseEnabled=True)),
    ("unencrypted", _resource("AWS::SNS::Topic")),
    ("unencrypted", _resource("AWS::DynamoDB::Table")),
    ("unencrypted", _resource("AWS::Kinesis::Stream")),
    ("unencrypted", _resource("AWS::Logs::LogGroup")),
    ("unencrypted", _resource("AWS::KinesisFirehose::DeliveryStream")),
    (
        "unencrypted",
        _resource(
            "AWS::EC2::LaunchTemplate",
            LaunchTemplateData={"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 50}}]},
        ),
    ),
    ("wildcard-action", _role(Action="s3:*")),
    ("wildcard-action", _role(Action=["s3:GetObject", "*"])),
    ("wildcard-action", _role(Action=[], NotAction="iam:*")),
    ("wildcard-without-reason", _role(Resource="*")),
    ("wildcard-without-reason", _role(Resource=["arn:aws:s3:::b/*"])),
    ("role-without-boundary", _resource("AWS::IAM::Role")),
    ("role-without-boundary", _resource("AWS::IAM::User")),
    ("open-security-group", _ingress(CidrIp="0.0.0.0/0")),
    ("open-security-group", _ingress(CidrIpv6="::/0")),
    (
        "open-security-group",
        _resource(
            "AWS::EC2::SecurityGroup",
            SecurityGroupIngress=[{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
        ),
    ),
    ("way-to-the-internet", _resource("AWS::EC2::InternetGateway")),
    ("way-to-the-internet", _resource("AWS::EC2::NatGateway")),
    (
        "way-to-the-internet",
        _resource(
            "AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0", GatewayId={"Ref": "Gateway"}
        ),
    ),
    ("way-to-the-internet", _resource("AWS::EC2::Subnet", MapPublicIpOnLaunch=True)),
]
"""What a template might hold; the resource is named ``Added``."""
