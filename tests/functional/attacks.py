"""What no function of the platform should do, as calls that an intruder in it would try."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from visionml.contracts.names import Names


@dataclass(frozen=True)
class Intruder:
    """Somebody who holds a function's credentials, and knows the platform's names."""

    client: Callable[[str], Any]
    """Returns a client of a service, with the credentials of the function."""
    names: Names
    account: str
    function: str
    role: str
    key: str
    """The id of a key of the platform."""

    @property
    def role_arn(self) -> str:
        """The ARN of the role that it holds."""
        return f"arn:aws:iam::{self.account}:role/{self.role}"


_EVERYTHING = '{"Version": "2012-10-17", "Statement": []}'


def _become_administrator(intruder: Intruder) -> None:
    intruder.client("iam").create_user(UserName="intruder")


def _widen_own_role(intruder: Intruder) -> None:
    intruder.client("iam").put_role_policy(
        RoleName=intruder.role, PolicyName="more", PolicyDocument=_EVERYTHING
    )


def _lose_boundary(intruder: Intruder) -> None:
    intruder.client("iam").delete_role_permissions_boundary(RoleName=intruder.role)


def _become_another(intruder: Intruder) -> None:
    intruder.client("sts").assume_role(RoleArn=intruder.role_arn, RoleSessionName="another")


def _open_bucket(intruder: Intruder) -> None:
    intruder.client("s3").delete_bucket_policy(
        Bucket=intruder.names.bucket("raw", intruder.account)
    )


def _look_around(intruder: Intruder) -> None:
    intruder.client("s3").list_buckets()


def _destroy_key(intruder: Intruder) -> None:
    intruder.client("kms").schedule_key_deletion(KeyId=intruder.key)


def _replace_code(intruder: Intruder) -> None:
    intruder.client("lambda").update_function_code(FunctionName=intruder.function, ZipFile=b"code")


def _drop_table(intruder: Intruder) -> None:
    client = intruder.client("dynamodb")
    client.delete_table(TableName=intruder.names.lineage_table)


def _take_down_endpoint(intruder: Intruder) -> None:
    intruder.client("sagemaker").delete_endpoint(EndpointName=intruder.names.endpoint)


def _cover_tracks(intruder: Intruder) -> None:
    intruder.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{intruder.function}")


def _delete_platform(intruder: Intruder) -> None:
    stack = intruder.names.stack("storage")
    intruder.client("cloudformation").delete_stack(StackName=stack)


ATTACKS: dict[str, Callable[[Intruder], None]] = {
    "iam:CreateUser": _become_administrator,
    "iam:PutRolePolicy": _widen_own_role,
    "iam:DeleteRolePermissionsBoundary": _lose_boundary,
    "sts:AssumeRole": _become_another,
    "s3:DeleteBucketPolicy": _open_bucket,
    "s3:ListAllMyBuckets": _look_around,
    "kms:ScheduleKeyDeletion": _destroy_key,
    "lambda:UpdateFunctionCode": _replace_code,
    "dynamodb:DeleteTable": _drop_table,
    "sagemaker:DeleteEndpoint": _take_down_endpoint,
    "logs:DeleteLogGroup": _cover_tracks,
    "cloudformation:DeleteStack": _delete_platform,
}
"""By the action that IAM is asked for."""
