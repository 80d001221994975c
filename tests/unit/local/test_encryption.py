"""What is encrypted with a key asks for it on behalf of its user."""

from typing import Any

import pytest
from ministack.core import iam_evaluator
from ministack.services import dynamodb, kinesis, kms, s3, sns, sqs
from ministack.services.cloudformation import provisioners

from visionml.local.internals import encryption

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234"
_HERE = "us-east-1:000000000000"
_DEFAULT = f"<x><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{KEY}</KMSMasterKeyID></x>"


class Asked:
    """Stands where IAM does: notes what it is asked, and refuses some actions."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.behalf: list[bool] = []
        self.refused: set[str] = set()

    def __call__(self, _key: str, action: str, _service: str, *rest: Any) -> Any:
        self.pairs.append((action, rest[1]))
        self.behalf.append(encryption.on_behalf())
        return iam_evaluator.EvalResult("ImplicitDeny") if action in self.refused else None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(iam_evaluator, "enforce", made)
    monkeypatch.setattr(provisioners, "_RESOURCE_HANDLERS", dict(provisioners._RESOURCE_HANDLERS))
    monkeypatch.setattr(kms, "_resolve_key", lambda key: {"Arn": KEY} if key == KEY else None)
    monkeypatch.setattr(s3, "_bucket_encryption", {"private": _DEFAULT})
    table = {"SSEDescription": {"KMSMasterKeyArn": KEY}}
    monkeypatch.setattr(dynamodb, "_tables", {"private": table, "plain": {}})
    monkeypatch.setattr(kinesis, "_streams", {"private": {"KeyId": KEY}, "plain": {}})
    monkeypatch.setattr(sns, "_topics", {f"arn:aws:sns:{_HERE}:private": _kept()})
    monkeypatch.setattr(
        sqs, "_queue_by_arn", lambda arn: _kept() if arn.endswith(":private") else None
    )
    encryption.ask_for_keys()
    return made


def _kept() -> dict[str, Any]:
    return {"attributes": {"KmsMasterKeyId": KEY}}


def _ask(action: str, resource: str, *, key: str = "ASIA") -> Any:
    return iam_evaluator.enforce(
        key, action, action.split(":", maxsplit=1)[0], "us-east-1", resource_arn=resource
    )


@pytest.mark.parametrize(
    ("action", "resource", "needed"),
    [
        ("s3:GetObject", "arn:aws:s3:::private/a.png", ["kms:Decrypt"]),
        ("s3:PutObject", "arn:aws:s3:::private/a.png", ["kms:GenerateDataKey"]),
        ("s3:ListBucket", "arn:aws:s3:::private", []),
        ("s3:GetObject", "arn:aws:s3:::plain/a.png", []),
        ("dynamodb:Query", f"arn:aws:dynamodb:{_HERE}:table/private/index/a", ["kms:Decrypt"]),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{_HERE}:table/plain", []),
        ("kinesis:PutRecords", f"arn:aws:kinesis:{_HERE}:stream/private", ["kms:GenerateDataKey"]),
        ("kinesis:GetRecords", f"arn:aws:kinesis:{_HERE}:stream/plain", []),
        (
            "sqs:SendMessage",
            f"arn:aws:sqs:{_HERE}:private",
            ["kms:GenerateDataKey", "kms:Decrypt"],
        ),
        ("sns:Publish", f"arn:aws:sns:{_HERE}:private", ["kms:GenerateDataKey", "kms:Decrypt"]),
        ("sns:Publish", f"arn:aws:sns:{_HERE}:plain", []),
    ],
)
def test_a_key_is_asked_for_where_there_is_one(
    asked: Asked, action: str, resource: str, needed: list[str]
) -> None:
    assert _ask(action, resource) is None
    assert asked.pairs == [(action, resource), *((each, KEY) for each in needed)]
    assert asked.behalf == [False, *(True for _ in needed)]


def test_who_may_not_use_the_key_is_refused(asked: Asked) -> None:
    asked.refused = {"kms:Decrypt"}
    assert _ask("s3:GetObject", "arn:aws:s3:::private/a.png").decision == "ImplicitDeny"
    assert not encryption.on_behalf()


def test_who_is_refused_the_thing_itself_asks_for_no_key(asked: Asked) -> None:
    asked.refused = {"s3:GetObject"}
    assert _ask("s3:GetObject", "arn:aws:s3:::private/a.png").decision == "ImplicitDeny"
    assert len(asked.pairs) == 1


def test_nobody_is_asked_for_a_key_in_a_request_without_a_signature(asked: Asked) -> None:
    assert _ask("s3:PutObject", "arn:aws:s3:::private", key="") is None
    assert len(asked.pairs) == 1


def test_streams_of_stacks_keep_their_key(asked: Asked) -> None:
    create = provisioners._RESOURCE_HANDLERS["AWS::Kinesis::Stream"]["create"]
    properties = {
        "Name": "made",
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY},
    }
    create("Stream", properties, "stack")
    assert kinesis._streams["made"]["KeyId"] == KEY
    assert kinesis._streams["made"]["EncryptionType"] == "KMS"
    assert asked.pairs == []
