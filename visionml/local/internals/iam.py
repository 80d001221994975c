# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Who may do what: sessions, roles, and IAM's verdict."""

import functools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator, router
from ministack.services import iam, sts

from visionml.errors import AccessDenied
from visionml.local.internals.encryption import on_behalf
from visionml.local.internals.scope import account, region

Query = Mapping[str, Sequence[str]]

_SERVICE_SESSION = "embedded-aws"


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires: float
    """Seconds since the epoch."""
    arn: str


def register_session(role_arn: str, session_name: str, *, seconds: int = 6 * 3600) -> Session:
    """Assume a role without asking its trust policy, as a service does for its job."""
    role_name = _role_name(role_arn)
    session = Session(
        iam._gen_session_access_key(),
        iam._gen_secret(),
        iam._gen_session_token(),
        time.time() + seconds,
        f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{role_name}/{session_name[:64]}",
    )
    sts.register_session(
        session.access_key_id,
        {
            "Arn": session.arn,
            "UserId": f"{sts._role_id(role_arn)}:{session_name[:64]}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": session.expires,
            "AccountId": role_arn.split(":")[4],
            "PrincipalType": "AssumedRole",
        },
    )
    return session


def access_key(headers: Mapping[str, str], query: Query | None = None) -> str:
    """Return the access key id that a request is signed with."""
    return str(router.extract_access_key_id(headers, query or {}))


def caller_arn(headers: Mapping[str, str], query: Query | None = None) -> str:
    """Return the ARN of the user or role session that a request is signed by."""
    return str(iam_evaluator.request_caller_arn(headers, query or {}))


def denial(
    key: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None
) -> str | None:
    """Return AWS's sentence of refusal when the owner of an access key may not do this, or None.

    `action` is such as ``sagemaker:CreateModel``; `context` adds condition keys.
    """
    service = action.split(":", 1)[0]
    denied = iam_evaluator.enforce(
        key, action, service, region(), resource_arn=resource, service_context=dict(context or {})
    )
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    explicit = denied.decision == "Deny"
    return str(
        iam_actions.identity_denial_message(action, denied.principal_arn, resource, explicit)
    )


def enforce(
    principal: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None
) -> None:
    """Check that a role, named by its ARN, may do this.

    Raises
    ------
    AccessDenied
        Its identity policies, or the resource's own policy, do not allow it; AWS's sentence.
    """
    reason = denial(service_session(principal).access_key_id, action, resource, context)
    if reason:
        raise AccessDenied(reason)


@dataclass(frozen=True)
class Verdict:
    """What IAM said to a principal that asked for an action."""

    principal: str
    """The ARN of a role or a user."""
    action: str
    resource: str
    allowed: bool
    by_service: bool
    """A service asked on the role's behalf, and no request of the role's own."""


def on_verdict(listener: Callable[[Verdict], None]) -> None:
    """Tell of each verdict on a role or a user; a request that proves no identity has none."""
    decide = iam_evaluator.enforce

    @functools.wraps(decide)
    def told(  # noqa: PLR0917 - MiniStack's signature
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        asked = (access_key_id, iam_action, service, region, resource_arn, service_context)
        denied = decide(*asked)
        arn = _identity(access_key_id)
        if arn and not isinstance(denied, iam_evaluator.AuthError):
            principal, by_service = _principal(arn)
            by_service = by_service or on_behalf()
            listener(Verdict(principal, iam_action, resource_arn, denied is None, by_service))
        return denied

    iam_evaluator.enforce = told


def _identity(key: str) -> str:
    """Return the ARN of a session or a user; empty of others, such as the account itself."""
    session = sts._sessions.get(key)
    if session:
        return str(session.get("Arn", ""))
    owner = iam._access_keys.get(key)
    return f"arn:aws:iam::{account()}:user/{owner['UserName']}" if owner else ""


def _principal(arn: str) -> tuple[str, bool]:
    """Return a session's role, and whether it is one of `service_session`."""
    prefix, separator, rest = arn.partition(":assumed-role/")
    if not separator:
        return arn, False
    role, _, name = rest.partition("/")
    return f"{prefix.replace(':sts:', ':iam:')}:role/{role}", name == _SERVICE_SESSION


def register_sessions_in_turn() -> None:
    """Let threads assume roles at the same time.

    MiniStack walks through all sessions to drop the expired ones as it adds one, and fails when
    another thread adds one meanwhile.
    """
    register, turn = sts.register_session, threading.Lock()

    @functools.wraps(register)
    def wrapped(access_key: str, session: dict[str, Any]) -> None:
        with turn:
            register(access_key, session)

    sts.register_session = wrapped


def name_metric_namespaces() -> None:
    """Let policies ask for ``cloudwatch:namespace``, of which MiniStack tells them nothing."""
    known = iam_actions.request_tag_context

    @functools.wraps(known)
    def wrapped(
        service: str, iam_action: str, body: bytes, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        context: dict[str, Any] = known(service, iam_action, body, params)
        if iam_action == "cloudwatch:PutMetricData":
            context["cloudwatch:namespace"] = _namespace(body, params)
        return context

    iam_actions.request_tag_context = wrapped


def _namespace(body: bytes, params: Mapping[str, Any]) -> str:
    """Read it from a form or from JSON, which are the protocols that MiniStack's answers know."""
    if "Namespace" in params:
        value = params["Namespace"]
        return str(value[0] if isinstance(value, list) else value)
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get("Namespace", "")) if isinstance(document, dict) else ""


def role_exists(role_arn: str) -> bool:
    """Tell whether IAM has the role."""
    return ":role/" in role_arn and iam._roles.get(_role_name(role_arn)) is not None


def role_trusts(role_arn: str, service: str) -> bool:
    """Tell whether a role lets a service such as ``sagemaker.amazonaws.com`` assume it."""
    role = iam._roles.get(_role_name(role_arn)) or {}
    document = role.get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(document)
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            [services] if isinstance(services, str) else services
        ):
            return True
    return False


def create_user(name: str, policy_arn: str, *, access_key_id: str, secret_access_key: str) -> None:
    """Create an IAM user with a managed policy and an access key of our choosing."""
    created = str(iam._now())
    iam._users[name] = {
        "UserName": name,
        "Arn": f"arn:aws:iam::{account()}:user/{name}",
        "UserId": iam._gen_id("AIDA"),
        "CreateDate": created,
        "Path": "/",
        "AttachedPolicies": [policy_arn],
        "Tags": [],
    }
    iam._access_keys[access_key_id] = {
        "UserName": name,
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret_access_key,
        "Status": "Active",
        "CreateDate": created,
    }


def _role_name(role_arn: str) -> str:
    return role_arn.rsplit("/", 1)[-1]


@functools.lru_cache(maxsize=512)
def _cached_session(role_arn: str, _hour: int) -> Session:
    return register_session(role_arn, _SERVICE_SESSION)


def service_session(role_arn: str) -> Session:
    """Return a session of a role that is kept for an hour, for checks made often."""
    session = _cached_session(role_arn, int(time.time() // 3600))
    if session.access_key_id not in sts._sessions:  # a reset forgot it
        _cached_session.cache_clear()
        session = _cached_session(role_arn, int(time.time() // 3600))
    return session
