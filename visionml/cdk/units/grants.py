"""Grants that are narrower than the constructs' own: named actions, below a prefix."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk.aws_iam import Grant, IGrantable
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket

from visionml.contracts.names import Names


def read(grantee: IGrantable, bucket: IBucket, prefix: str) -> None:
    """Let somebody list and read the objects below a prefix such as ``images/``."""
    _objects(grantee, bucket, prefix, ["s3:GetObject"])
    _list(grantee, bucket, prefix)
    _key(bucket).grant_decrypt(grantee)


def write(grantee: IGrantable, bucket: IBucket, prefix: str) -> None:
    """Let somebody list, read and write the objects below a prefix, and delete none."""
    _objects(grantee, bucket, prefix, ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"])
    _list(grantee, bucket, prefix)
    _key(bucket).grant_encrypt_decrypt(grantee)


def register(grantee: IGrantable, stack: Stack, names: Names) -> None:
    """Let somebody add packages to the model package group, with their metadata."""
    group = names.model_package_group
    packages = [
        _arn(stack, "sagemaker", f"model-package-group/{group}"),
        _arn(stack, "sagemaker", f"model-package/{group}/*"),
    ]
    _allow(grantee, ["sagemaker:CreateModelPackage"], packages)
    metadata = _arn(stack, "ssm", f"parameter{names.version_parameter('*')}")
    _allow(grantee, ["ssm:GetParameter", "ssm:PutParameter"], [metadata])


def read_versions(grantee: IGrantable, stack: Stack, names: Names) -> None:
    """Let somebody read the registered versions and their packages."""
    metadata = _arn(stack, "ssm", f"parameter{names.version_parameter('*')}")
    _allow(grantee, ["ssm:GetParameter"], [metadata])
    packages = _arn(stack, "sagemaker", f"model-package/{names.model_package_group}/*")
    _allow(grantee, ["sagemaker:DescribeModelPackage"], [packages])


def activate_versions(grantee: IGrantable, stack: Stack, names: Names) -> None:
    """Let somebody say which version is in production."""
    active = _arn(stack, "ssm", f"parameter{names.active_version_parameter}")
    _allow(grantee, ["ssm:GetParameter", "ssm:PutParameter"], [active])


def describe_endpoint(grantee: IGrantable, stack: Stack, names: Names) -> None:
    """Let somebody see the state of the endpoint."""
    endpoint = _arn(stack, "sagemaker", f"endpoint/{names.endpoint}")
    _allow(grantee, ["sagemaker:DescribeEndpoint"], [endpoint])


def invoke_endpoint(grantee: IGrantable, stack: Stack, names: Names) -> None:
    """Let somebody ask the endpoint for predictions."""
    endpoint = _arn(stack, "sagemaker", f"endpoint/{names.endpoint}")
    _allow(grantee, ["sagemaker:InvokeEndpoint"], [endpoint])


def _arn(stack: Stack, service: str, resource: str) -> str:
    return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"


def _allow(grantee: IGrantable, actions: list[str], resources: list[str]) -> None:
    Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=resources)


def _objects(grantee: IGrantable, bucket: IBucket, prefix: str, actions: Sequence[str]) -> None:
    Grant.add_to_principal(
        grantee=grantee,
        actions=list(actions),
        resource_arns=[bucket.arn_for_objects(f"{prefix}*")],
    )


def _list(grantee: IGrantable, bucket: IBucket, prefix: str) -> None:
    Grant.add_to_principal(
        grantee=grantee,
        actions=["s3:ListBucket"],
        resource_arns=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
    )


def _key(bucket: IBucket) -> IKey:
    key = bucket.encryption_key
    assert key is not None  # noqa: S101 - narrows the type: every bucket granted here has one
    return key
