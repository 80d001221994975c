# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Roles of stacks: the permissions boundary, which MiniStack enforces but leaves out."""

from collections.abc import Mapping
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

TYPE = "AWS::IAM::Role"


def keep_role_boundaries() -> None:
    """Give roles of stacks their permissions boundary."""
    own = dict(provisioners._RESOURCE_HANDLERS[TYPE])

    def create(logical_id: str, properties: Mapping[str, Any], *rest: Any) -> Any:
        made = own["create"](logical_id, properties, *rest)
        _settle(made[0], properties)
        return made

    def update(physical_id: str, old: Any, new: Mapping[str, Any], *rest: Any) -> Any:
        made = own["update"](physical_id, old, new, *rest)
        _settle(made[0], new)
        return made

    provisioners._RESOURCE_HANDLERS[TYPE] = {**own, "create": create, "update": update}


def _settle(name: str, properties: Mapping[str, Any]) -> None:
    boundary = properties.get("PermissionsBoundary")
    if boundary and not iam._policy_exists(boundary):
        iam._roles.pop(name, None)
        raise ValueError(f"Scope ARN: {boundary} does not exist or is not attachable.")
    iam._roles[name]["PermissionsBoundary"] = boundary
