# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Events on their way: what S3 says of an object, and whether a queue takes what a rule sends."""

import contextvars
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import eventbridge, kms, s3, sqs

from visionml.local.internals.scope import account, region

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)
EVENTS = "events.amazonaws.com"


@dataclass(frozen=True)
class Undelivered:
    """An event that a rule's target did not take."""

    rule: str
    """Its name."""
    target: str
    """The ARN of the target."""
    reason: str


def name_object_versions() -> None:
    """Say in S3's events which version of an object they are about, as S3 does.

    MiniStack says so to queues and functions that a bucket notifies, and not to EventBridge.
    """
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    @functools.wraps(fire)
    def fired(*given: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*given, version_id=version_id, **named)
        finally:
            _version.reset(token)

    @functools.wraps(dispatch)
    def dispatched(event: dict[str, Any], view: Any = None) -> None:
        version = _version.get()
        if version and event.get("Source") == "aws.s3" and view is None:
            event = {**event, "Detail": _with_version(event["Detail"], version)}
        dispatch(event, view)

    s3._fire_s3_event = fired
    eventbridge._dispatch_event = dispatched


def _with_version(text: str, version: str) -> str:
    detail = json.loads(text)
    detail["object"]["version-id"] = version
    return json.dumps(detail)


def ask_queues(report: Callable[[Undelivered], None]) -> None:
    """Send a rule's events to those queues alone whose policy, and whose key's, let EventBridge.

    MiniStack sends them to all. `report` is told of an event that a queue does not take.
    """
    send = eventbridge._invoke_target

    @functools.wraps(send)
    def sent(target: dict[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        arn = str(target.get("Arn", ""))
        reason = None
        if arn.startswith("arn:aws:sqs:"):
            context = contextvars.copy_context()
            reason = context.run(_refusal, arn, str(rule.get("Arn", "")))
        if reason is None:
            send(target, event, rule, view)
        else:
            report(Undelivered(str(rule.get("Name", "")), arn, reason))

    eventbridge._invoke_target = sent


def _refusal(queue_arn: str, rule_arn: str) -> str | None:
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        return "The queue does not exist."
    # schedules are no requests, which is what MiniStack takes "over TLS" from
    iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)
    if not sqs.queue_policy_allows(queue_arn, EVENTS, rule_arn, account()):
        return f"The queue's policy does not allow {EVENTS} to send messages for {rule_arn}."
    key = str(queue["attributes"].get("KmsMasterKeyId") or "")
    if key and not _key_allows(key, rule_arn):
        return f"The policy of the queue's key does not allow {EVENTS} to use it for {rule_arn}."
    return None


def _key_allows(key: str, rule_arn: str) -> bool:
    record = kms._resolve_key(key)
    if record is None:  # the key of the service, whose policy nobody can change
        return False
    policy = kms.key_policy_for_arn(record["Arn"])
    return policy is not None and all(
        _service_may(policy[0], action, record["Arn"], rule_arn)
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
    )


def _service_may(policy: str, action: str, resource: str, source: str) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": account()},
    )
    decided = iam_evaluator.evaluate_resource_policy(policy, context, service=EVENTS)
    return bool(decided.decision == "Allow")
