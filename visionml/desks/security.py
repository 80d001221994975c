"""What the environment's roles may do, and whether they do it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from visionml.aws.errors import translated
from visionml.contracts.calls import RecordedCall
from visionml.desks.platform import Platform
from visionml.guardrails import grants
from visionml.guardrails.grants import Grants, Role, readable
from visionml.guardrails.template import Template

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

Calls = Callable[[], Sequence[RecordedCall] | None]
"""Returns what principals were seen doing; None of an account, which keeps no such record."""


@dataclass(frozen=True)
class Checked:
    """The record against the policies, to be looked at."""

    grants: Grants

    @property
    def denied(self) -> pd.DataFrame:
        """What a role tried and IAM refused."""
        return _table(self.grants.denied, "role", "action", "resource", "count")

    @property
    def unused(self) -> pd.DataFrame:
        """What a role may do and was not seen doing, and why it may."""
        return _table(self.grants.unused, "role", "action", "resource", "because")

    @property
    def reasons(self) -> pd.DataFrame:
        """How many unused grants each reason explains."""
        counted = self.unused.groupby("because").size().sort_values(ascending=False)
        return counted.rename("grants").to_frame()

    @property
    def wildcards(self) -> pd.DataFrame:
        """Where policies name resources by a wildcard, and why."""
        return _table(self.grants.wildcards, "role", "actions", "resource", "because")


class Security:
    """The roles of an environment."""

    def __init__(self, platform: Platform, calls: Calls) -> None:
        self._platform = platform
        self._calls = calls

    def grants(self) -> Checked:
        """Set what the roles were seen doing against the policies that they have.

        The roles and their policies are those that are deployed. The record is the embedded
        AWS's, of all that was done since it started. An account keeps none: there IAM Access
        Analyzer finds unused access, and this tells of the wildcards alone.
        """
        templates = {part: self._template(stack) for stack, part in self._stacks()}
        return Checked(
            grants.compare(
                self.roles(),
                self._calls(),
                wildcards=grants.wildcards(templates),
                explained=grants.explanations(),
            )
        )

    def roles(self) -> list[Role]:
        """Return the roles of the stacks that stand, with what their policies say."""
        return [role for stack, part in self._stacks() for role in self._roles(stack, part)]

    def _stacks(self) -> list[tuple[str, str]]:
        """Return the standing stacks, each with the name of its part, such as ``Serving``."""
        before, _, after = self._platform.names.stack("*").partition("*")
        with translated("list the stacks"):
            pages = self._platform.aws.cloudformation.get_paginator("describe_stacks").paginate()
            names = [stack["StackName"] for page in pages for stack in page["Stacks"]]
        return [
            (name, name.removeprefix(before).removesuffix(after).capitalize())
            for name in names
            if name.startswith(before) and name.endswith(after)
        ]

    def _template(self, stack: str) -> Template:
        with translated(f"read the template of {stack}"):
            body: Any = self._platform.aws.cloudformation.get_template(StackName=stack)
        found = body["TemplateBody"]
        template: Template = json.loads(found) if isinstance(found, str) else found
        return template

    def _roles(self, stack: str, part: str) -> list[Role]:
        client = self._platform.aws.cloudformation
        iam: IAMClient = self._platform.aws.client("iam")
        with translated(f"read the roles of {stack}"):
            pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
            return [
                Role(
                    readable(f"{part}/{resource['LogicalResourceId']}"),
                    resource["PhysicalResourceId"],
                    _statements(iam, resource["PhysicalResourceId"]),
                )
                for page in pages
                for resource in page["StackResourceSummaries"]
                if resource["ResourceType"] == "AWS::IAM::Role"
            ]


def _statements(iam: "IAMClient", role: str) -> list[Mapping[str, Any]]:
    """Return the statements of a role's own policies and of those attached to it."""
    documents: list[Any] = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=role)
        for name in page["PolicyNames"]
    ]
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            shown = iam.get_policy_version(PolicyArn=arn, VersionId=version)
            documents.append(shown["PolicyVersion"]["Document"])
    return [
        statement for document in documents for statement in grants.listed(document["Statement"])
    ]


def _table(rows: Sequence[Any], *columns: str) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=pd.Index(columns))
