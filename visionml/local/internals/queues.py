# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Event source mappings of queues: whose messages a function may read."""

import contextvars
import functools
import logging
import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import kms, lambda_svc, sqs

from visionml.errors import AccessDenied
from visionml.local.internals.iam import enforce
from visionml.local.internals.scope import account, region

log = logging.getLogger("visionml.local")

_CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_ASK_AGAIN_SECONDS = 2.0


def read_queues_as_roles() -> None:
    """Let mappings take messages of those queues alone that their function's role may read.

    AWS refuses to create others; here they stand still, and say so.
    """
    allowed = lambda_svc._sqs_esm_concurrency

    @functools.wraps(allowed)
    def asked(esm: dict[str, Any], *rest: Any) -> int:
        _function, config, *_ = rest
        role, queue = str(config.get("Role", "")), str(esm.get("EventSourceArn", ""))
        reason = _denied(account(), region(), role, queue, int(time.time() / _ASK_AGAIN_SECONDS))
        if reason is None:
            return int(allowed(esm, *rest))
        if esm.get("LastProcessingResult") != reason:
            esm["LastProcessingResult"] = reason
            log.warning("The mapping of %s stands still: %s", config.get("FunctionName"), reason)
        return 0

    lambda_svc._sqs_esm_concurrency = asked


@functools.lru_cache(maxsize=256)
def _denied(_account: str, _region: str, role: str, queue_arn: str, _turn: int) -> str | None:
    return contextvars.copy_context().run(_refusal, role, queue_arn)


def _refusal(role: str, queue_arn: str) -> str | None:
    # the poller serves no request, which is what MiniStack takes "over TLS" from
    iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)
    try:
        for action in _CONSUME:
            enforce(role, action, queue_arn)
        queue = sqs._queue_by_arn(queue_arn)
        key = kms._resolve_key(queue["attributes"].get("KmsMasterKeyId")) if queue else None
        if key:
            enforce(role, "kms:Decrypt", key["Arn"])
    except AccessDenied as refused:
        return f"PROBLEM: {refused.message}"
    return None
