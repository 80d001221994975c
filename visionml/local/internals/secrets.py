# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Secrets of stacks: named by their ARN, and generated as asked."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

TYPE = "AWS::SecretsManager::Secret"
_Made = tuple[str, dict[str, Any]]


def make_secrets_as_aws() -> None:
    """Let ``Ref`` of a secret be its ARN, and generate secrets by GetRandomPassword's rules.

    MiniStack's ``Ref`` is the name, which no policy means, and its generator knows nothing of the
    characters to leave out.
    """
    own = dict(provisioners._RESOURCE_HANDLERS[TYPE])
    provisioners._sm_secret_string = _secret_string

    @functools.wraps(own["create"])
    def create(*given: Any) -> _Made:
        return _by_arn(own["create"](*given))

    @functools.wraps(own["update"])
    def update(physical_id: str, *given: Any, **named: Any) -> _Made:
        return _by_arn(own["update"](_name(physical_id), *given, **named))

    @functools.wraps(own["delete"])
    def delete(physical_id: str, properties: Mapping[str, Any]) -> None:
        own["delete"](_name(physical_id), properties)

    provisioners._RESOURCE_HANDLERS[TYPE] = {
        **own,
        "create": create,
        "update": update,
        "delete": delete,
    }


def _by_arn(made: _Made) -> _Made:
    _, attributes = made
    return attributes["Arn"], attributes


def _name(arn: str) -> str:
    """Return what MiniStack's functions call a secret by; a secret that is gone keeps its ARN."""
    key, _ = secretsmanager._resolve(arn)
    return str(key) if key else arn


def _secret_string(properties: Mapping[str, Any]) -> str:
    given, wanted = properties.get("SecretString"), properties.get("GenerateSecretString")
    if given or wanted is None:
        return str(given or "")
    rules = {name: _typed(value) for name, value in wanted.items()}
    status, _headers, body = secretsmanager._get_random_password(rules)
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(f"{TYPE}: {answer.get('message') or answer.get('Message')}")
    password = str(answer["RandomPassword"])
    template = wanted.get("SecretStringTemplate")
    if template is None:
        return password
    return json.dumps({**json.loads(template), wanted["GenerateStringKey"]: password})


def _typed(value: Any) -> Any:
    """Return a template's value, whose numbers and truths may be strings."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
