"""Roles of stacks have the permissions boundary that their template names."""

from typing import Any

import pytest
from ministack.services import iam
from ministack.services.cloudformation import provisioners

from visionml.local.internals import roles

BOUNDARY = "arn:aws:iam::000000000000:policy/boundary"
_TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
}


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(provisioners, "_RESOURCE_HANDLERS", dict(provisioners._RESOURCE_HANDLERS))
    monkeypatch.setattr(iam, "_roles", {})
    monkeypatch.setattr(iam, "_policy_exists", lambda arn: arn == BOUNDARY)
    roles.keep_role_boundaries()
    made: dict[str, Any] = provisioners._RESOURCE_HANDLERS[roles.TYPE]
    return made


def _properties(**more: str) -> dict[str, Any]:
    return {"RoleName": "role", "AssumeRolePolicyDocument": _TRUST, **more}


def test_a_boundary_is_kept_changed_and_taken_away(handlers: dict[str, Any]) -> None:
    within = _properties(PermissionsBoundary=BOUNDARY)
    handlers["create"]("Role", within, "stack")
    assert iam._roles["role"]["PermissionsBoundary"] == BOUNDARY
    handlers["update"]("role", within, _properties(), "stack")
    assert iam._roles["role"]["PermissionsBoundary"] is None


def test_a_boundary_that_does_not_exist_fails_the_stack(handlers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not exist or is not attachable"):
        handlers["create"]("Role", _properties(PermissionsBoundary=f"{BOUNDARY}2"), "stack")
    assert iam._roles == {}
