"""Secrets of jobs, read from Secrets Manager and the Parameter Store as the execution role."""

import json
from typing import Any

from visionml.local import ministack
from visionml.local.ministack import Call, Session

_SECRETS_MANAGER = ":secretsmanager:"


class SecretRefused(Exception):
    """A secret cannot be had; the text says why."""


def read(session: Session, value_from: str) -> str:
    """Return the value that ``valueFrom`` names.

    It is a secret's ARN, which ``:json-key:version-stage:version-id`` may follow, or a parameter's
    name or ARN.

    Raises
    ------
    SecretRefused
        It does not exist, or the role may not read it.
    """
    if _SECRETS_MANAGER not in value_from:
        name = value_from.partition(":parameter")[2] or value_from
        found = _ask(
            session, "ssm", "AmazonSSM.GetParameters", {"Names": [name], "WithDecryption": True}
        )
        if not found.get("Parameters"):
            raise SecretRefused(f"invalid ssm parameters: {name}")
        return str(found["Parameters"][0]["Value"])
    parts = value_from.split(":")
    key, stage, version = [*parts[7:], "", "", ""][:3]
    request = {"SecretId": ":".join(parts[:7])}
    request |= {"VersionStage": stage} if stage else {}
    request |= {"VersionId": version} if version else {}
    text = str(
        _ask(session, "secretsmanager", "secretsmanager.GetSecretValue", request)["SecretString"]
    )
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError):
        raise SecretRefused(f"retrieved secret did not contain json key {key}") from None


def _ask(session: Session, service: str, target: str, request: dict[str, Any]) -> dict[str, Any]:
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    call = Call("POST", "/", json.dumps(request).encode(), headers=headers)
    status, _headers, content = ministack.call_as(session, service, call)[0]
    answer: dict[str, Any] = json.loads(content)
    if status >= 300:
        raise SecretRefused(str(answer.get("message") or answer.get("Message") or content))
    return answer
