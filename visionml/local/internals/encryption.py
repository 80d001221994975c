# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Customer-managed keys: what is encrypted with one asks for it on behalf of its user, as on AWS.

MiniStack keeps keys and evaluates their policies, but its other services never ask them.
"""

import contextvars
import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import dynamodb, kinesis, kms, s3, secretsmanager, sns, sqs
from ministack.services.cloudformation import provisioners

log = logging.getLogger("visionml.local")

_DECRYPT, _GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": (_DECRYPT,),
    "s3:GetObjectVersion": (_DECRYPT,),
    "s3:PutObject": (_GENERATE,),
    "kinesis:PutRecord": (_GENERATE,),
    "kinesis:PutRecords": (_GENERATE,),
    "kinesis:GetRecords": (_DECRYPT,),
    "kinesis:SubscribeToShard": (_DECRYPT,),
    "sqs:SendMessage": (_GENERATE, _DECRYPT),
    "sqs:ReceiveMessage": (_DECRYPT,),
    "sns:Publish": (_GENERATE, _DECRYPT),
    "secretsmanager:GetSecretValue": (_DECRYPT,),
    **{
        f"dynamodb:{operation}": (_DECRYPT,)
        for operation in (
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
        )
    },
}
"""What each service's guide asks of a caller of its operations on something encrypted."""

_on_behalf: contextvars.ContextVar[bool] = contextvars.ContextVar("on_behalf", default=False)


def on_behalf() -> bool:
    """Tell whether a service asks for a key on behalf of a caller."""
    return _on_behalf.get()


def ask_for_keys() -> None:
    """Refuse who may use what is encrypted, but not its key; streams and topics keep theirs."""
    decide = iam_evaluator.enforce

    @functools.wraps(decide)
    def asked(  # noqa: PLR0917 - MiniStack's signature
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = decide(access_key_id, iam_action, service, region, resource_arn, service_context)
        # who asks without a signature, such as for a form, has no key to use
        needed = _NEEDED.get(iam_action) if access_key_id else None
        key = _key(service, resource_arn) if denied is None and needed else None
        if key is None or needed is None:
            return denied
        token = _on_behalf.set(True)
        # a form has no signature of its own: the service asks for its signer
        unsigned = iam_evaluator._anonymous.set(False)
        try:
            via = {"kms:viaservice": f"{service}.{region}.amazonaws.com"}
            for action in needed:
                denied = decide(access_key_id, action, "kms", region, key, via)
                if denied is not None:
                    log.warning("%s on %s needs %s on %s.", iam_action, resource_arn, action, key)
                    return denied
        finally:
            iam_evaluator._anonymous.reset(unsigned)
            _on_behalf.reset(token)
        return None

    iam_evaluator.enforce = asked
    _keep("AWS::Kinesis::Stream", _encrypt_stream)
    _keep("AWS::SNS::Topic", _encrypt_topic)


def _keep(kind: str, settle: Callable[[str, Mapping[str, Any]], None]) -> None:
    """Settle what a template says of encryption after a resource was made or changed."""
    own = dict(provisioners._RESOURCE_HANDLERS[kind])

    def create(logical_id: str, properties: Mapping[str, Any], *rest: Any) -> Any:
        made = own["create"](logical_id, properties, *rest)
        settle(made[0], properties)
        return made

    def update(physical_id: str, old: Any, new: Mapping[str, Any], *rest: Any) -> Any:
        made = own["update"](physical_id, old, new, *rest)
        settle(made[0], new)
        return made

    provisioners._RESOURCE_HANDLERS[kind] = {
        **own,
        "create": create,
        **({"update": update} if "update" in own else {}),
    }


def _encrypt_stream(name: str, properties: Mapping[str, Any]) -> None:
    encryption = properties.get("StreamEncryption") or {}
    stream = kinesis._streams.get(name)
    if stream is not None and encryption.get("KeyId"):
        stream["EncryptionType"] = encryption.get("EncryptionType", "KMS")
        stream["KeyId"] = encryption["KeyId"]


def _encrypt_topic(arn: str, properties: Mapping[str, Any]) -> None:
    topic = sns._topics.get(arn)
    if topic is not None and properties.get("KmsMasterKeyId"):
        topic["attributes"]["KmsMasterKeyId"] = properties["KmsMasterKeyId"]


def _key(service: str, resource: str) -> str | None:
    """Return the ARN of the customer-managed key that a resource is encrypted with."""
    find = _KEYS.get(service)
    named = find(resource) if find else None
    key = kms._resolve_key(named) if named else None
    return str(key["Arn"]) if key else None


def _of_object(resource: str) -> str | None:
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    found = _MASTER_KEY.search(str(s3._bucket_encryption.get(bucket) or ""))
    return found[1] if found else None


def _of_table(resource: str) -> str | None:
    table = dynamodb._tables.get(resource.partition(":table/")[2].partition("/")[0]) or {}
    described = table.get("SSEDescription") or {}
    return described.get("KMSMasterKeyArn")


def _of_stream(resource: str) -> str | None:
    stream = kinesis._streams.get(resource.partition(":stream/")[2].partition("/")[0]) or {}
    return stream.get("KeyId")


def _of_queue(resource: str) -> str | None:
    queue = sqs._queue_by_arn(resource) or {}
    attributes: Mapping[str, str] = queue.get("attributes", {})
    return attributes.get("KmsMasterKeyId")


def _of_topic(resource: str) -> str | None:
    topic = sns._topics.get(resource) or {}
    attributes: Mapping[str, str] = topic.get("attributes", {})
    return attributes.get("KmsMasterKeyId")


def _of_secret(resource: str) -> str | None:
    _name, secret = secretsmanager._resolve(resource)
    return secret.get("KmsKeyId") if secret else None


_MASTER_KEY = re.compile(r"<KMSMasterKeyID>([^<]+)</KMSMasterKeyID>")
_KEYS: Mapping[str, Callable[[str], str | None]] = {
    "s3": _of_object,
    "dynamodb": _of_table,
    "kinesis": _of_stream,
    "sqs": _of_queue,
    "sns": _of_topic,
    "secretsmanager": _of_secret,
}
