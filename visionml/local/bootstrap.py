"""What an account has before the first deployment: an administrator and the CDK's bootstrap.

The stock CDK command line finds the same bucket, repository, parameter and roles here that
``cdk bootstrap`` makes in an account.
"""

import json
from urllib.parse import urlencode

from visionml.errors import VisionmlError
from visionml.local import ministack
from visionml.local.state import ACCOUNT, REGION, Credentials

QUALIFIER = "hnb659fds"
VERSION = "30"
ASSET_BUCKET = f"cdk-{QUALIFIER}-assets-{ACCOUNT}-{REGION}"
ASSET_REPOSITORY = f"cdk-{QUALIFIER}-container-assets-{ACCOUNT}-{REGION}"
ADMINISTRATOR = "administrator"
_ADMINISTRATOR_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
_ROLES = ("deploy", "file-publishing", "image-publishing", "cfn-exec", "lookup")


async def create(credentials: Credentials) -> None:
    """Create the administrator with a given access key, and the bootstrap resources."""
    ministack.create_user(
        ADMINISTRATOR,
        _ADMINISTRATOR_POLICY,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
    )
    await _call("s3", "PUT", f"/{ASSET_BUCKET}")
    await _json("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository",
                {"repositoryName": ASSET_REPOSITORY})  # fmt: skip
    parameter = {"Name": f"/cdk-bootstrap/{QUALIFIER}/version", "Value": VERSION, "Type": "String"}
    await _json("ssm", "AmazonSSM.PutParameter", parameter)
    for role in _ROLES:
        await _role(role)


async def _role(part: str) -> None:
    name = f"cdk-{QUALIFIER}-{part}-role-{ACCOUNT}-{REGION}"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
            },
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudformation.amazonaws.com"},
                "Action": "sts:AssumeRole",
            },
        ],
    }
    await _query("CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    await _query("AttachRolePolicy", RoleName=name, PolicyArn=_ADMINISTRATOR_POLICY)


async def _query(action: str, **parameters: str) -> None:
    fields = {"Action": action, "Version": "2010-05-08", **parameters}
    await _call("iam", "POST", "/", query=urlencode(fields))


async def _json(service: str, target: str, body: dict[str, str]) -> None:
    await _call(service, "POST", "/", body=json.dumps(body).encode(), target=target)


async def _call(
    service: str, method: str, path: str, *, body: bytes = b"", target: str = "", query: str = ""
) -> None:
    status, _headers, content = await ministack.call_api(
        service, method, path, body=body, target=target, query=query
    )
    if status >= 300:
        raise VisionmlError(
            f"The embedded AWS could not prepare {service}: {status} {content.decode()}"
        )
