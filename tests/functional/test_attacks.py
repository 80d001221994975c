"""Whoever takes over a function can do nothing that the function does not do."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.functional.attacks import ATTACKS, Intruder
from tests.functional.platform import Deployed
from visionml.aws.session import Aws
from visionml.local import calls
from visionml.local.state import Project, State
from visionml.workbench import Session

_REFUSED = {"AccessDenied", "AccessDeniedException"}


class Turncoat:
    """Clients whose credentials change hands: making others for each role would take long."""

    def __init__(self, state: State) -> None:
        core = botocore.session.get_session()
        self._credentials = Credentials("none", "none", "none")
        core._credentials = self._credentials  # type: ignore[attr-defined]
        session = boto3.Session(botocore_session=core, region_name=state.region)
        aws = Aws(session, endpoint_url=state.endpoint_url, ca_bundle=state.ca_bundle)
        self.client: Callable[[str], Any] = cache(aws.client)

    def become(self, given: Any) -> None:
        """Use a role's credentials from now on."""
        self._credentials.access_key = given["AccessKeyId"]
        self._credentials.secret_key = given["SecretAccessKey"]
        self._credentials.token = given["SessionToken"]


@pytest.fixture(scope="module")
def functions(platform: Deployed) -> dict[str, str]:
    """The platform's functions, each with the name of its role."""
    aws = platform.session.aws
    pages = aws.client("lambda").get_paginator("list_functions").paginate()
    roles = {
        function["FunctionName"]: function["Role"].rpartition("/")[2]
        for page in pages
        for function in page["Functions"]
    }
    return {name: role for name, role in roles.items() if name in _functions_of(platform.session)}


def _functions_of(session: Session) -> set[str]:
    client = session.aws.cloudformation
    return {
        resource["PhysicalResourceId"]
        for stack in session.stacks.table()["stack"]
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }


@contextmanager
def _trusting(iam: Any, role: str, user: str) -> Iterator[None]:
    """Let a user assume a role that only a service may, for a while."""
    own = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    wider = {**own, "Statement": [*own["Statement"], trust]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(wider))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(own))


@pytest.fixture(scope="module")
def taken(
    platform: Deployed, aws_local: State, functions: dict[str, str]
) -> dict[str, dict[str, str]]:
    """What every function's role was told that tried every attack: by function and action."""
    session, turncoat = platform.session, Turncoat(aws_local)
    iam, sts = session.aws.client("iam"), session.aws.client("sts")
    me = sts.get_caller_identity()
    key = session.aws.client("kms").list_keys()["Keys"][0]["KeyId"]
    told: dict[str, dict[str, str]] = {}
    for function, role in functions.items():
        intruder = Intruder(turncoat.client, session.names, me["Account"], function, role, key)
        with _trusting(iam, role, me["Arn"]):
            given = sts.assume_role(RoleArn=intruder.role_arn, RoleSessionName="attack")
        turncoat.become(given["Credentials"])
        told[function] = {action: _answer(attack, intruder) for action, attack in ATTACKS.items()}
    return told


def _answer(attack: Callable[[Intruder], None], intruder: Intruder) -> str:
    try:
        attack(intruder)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_there_are_functions_and_ten_attacks(functions: dict[str, str]) -> None:
    assert len(functions) >= 30
    assert len(set(functions.values())) == len(functions), "each has a role of its own"
    assert len(ATTACKS) >= 10


@pytest.mark.parametrize("action", ATTACKS)
def test_no_function_may_do_it(taken: dict[str, dict[str, str]], action: str) -> None:
    assert {
        name: told[action] for name, told in taken.items() if told[action] not in _REFUSED
    } == {}


def test_each_attempt_is_in_the_record(
    taken: dict[str, dict[str, str]], functions: dict[str, str], local_project: Project
) -> None:
    refused = {(call.role, call.action) for call in calls.read(local_project) if not call.allowed}
    tried = {(functions[name], action) for name, told in taken.items() for action in told}
    assert tried <= refused
