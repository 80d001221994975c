"""The record of calls against the policies of roles."""

from pathlib import Path
from typing import Any

import pytest

from visionml.contracts.calls import RecordedCall
from visionml.errors import SettingsInvalid
from visionml.guardrails import grants
from visionml.guardrails.grants import Explanation, Role

BUCKET = "arn:aws:s3:::bucket"


def _allow(actions: str | list[str], resources: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _role(*statements: dict[str, Any]) -> Role:
    return Role("Serving/ReaderRole", "stack-ReaderRole-1", statements)


def _call(action: str, resource: str, *, allowed: bool = True, count: int = 1) -> RecordedCall:
    return RecordedCall(
        principal="arn:aws:iam::000000000000:role/stack-ReaderRole-1",
        action=action,
        resource=resource,
        allowed=allowed,
        by_service=False,
        count=count,
    )


def _compare(
    role: Role, *calls: RecordedCall, explained: tuple[Explanation, ...] = ()
) -> grants.Grants:
    return grants.compare([role], calls, wildcards=[], explained=explained)


def test_a_grant_is_used_when_its_action_was_seen_on_its_resource() -> None:
    role = _role(_allow(["s3:GetObject", "s3:PutObject"], f"{BUCKET}/images/*"))
    found = _compare(role, _call("s3:GetObject", f"{BUCKET}/images/cats/1.png"))
    assert found.used == 1
    assert [(each.action, each.resource) for each in found.unused] == [
        ("s3:PutObject", f"{BUCKET}/images/*")
    ]
    assert found.figure == {"denied": 0, "unexplained_unused": 1}
    assert not found.clean


@pytest.mark.parametrize(
    "call",
    [
        _call("s3:GetObject", f"{BUCKET}/other/1.png"),
        _call("s3:GetObject", f"{BUCKET}/images/1.png", allowed=False),
        _call("s3:GetObjectVersion", f"{BUCKET}/images/1.png"),
    ],
)
def test_a_call_elsewhere_a_refusal_and_another_action_use_nothing(call: RecordedCall) -> None:
    assert _compare(_role(_allow("s3:GetObject", f"{BUCKET}/images/*")), call).used == 0


def test_each_resource_of_a_statement_is_a_grant_of_its_own() -> None:
    role = _role(_allow("s3:GetObject", [f"{BUCKET}/a", f"{BUCKET}/b"]))
    found = _compare(role, _call("s3:GetObject", f"{BUCKET}/a"))
    assert [each.resource for each in found.unused] == [f"{BUCKET}/b"]


def test_what_is_refused_is_told_with_its_count() -> None:
    found = _compare(_role(), _call("sns:Publish", "arn:topic", allowed=False, count=4))
    assert found.denied == (grants.Denied("Serving/ReaderRole", "sns:Publish", "arn:topic", 4),)
    assert not found.clean


def test_roles_of_others_are_left_out() -> None:
    call = _call("s3:GetObject", BUCKET, allowed=False).model_copy(
        update={"principal": "arn:aws:iam::000000000000:role/another"}
    )
    assert _compare(_role(), call).clean


def test_an_unused_grant_with_a_reason_is_explained() -> None:
    reason = Explanation(
        roles=("Serving/*",), actions=("s3:Get*",), because="It is needed on Sundays alone."
    )
    found = _compare(_role(_allow("s3:GetObject", BUCKET)), explained=(reason,))
    assert found.unused[0].because == "It is needed on Sundays alone."
    assert found.clean


def test_without_a_record_nothing_is_known_but_the_wildcards() -> None:
    found = grants.compare(
        [_role(_allow("s3:GetObject", BUCKET))], None, wildcards=[], explained=()
    )
    assert (found.recorded, found.unused, found.figure) == (False, (), None)


def _template(reasons: dict[str, str]) -> dict[str, Any]:
    return {
        "Resources": {
            "ReaderRoleAB12CD34": {
                "Type": "AWS::IAM::Role",
                "Metadata": {grants.WILDCARDS: reasons},
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "Roles": [{"Ref": "ReaderRoleAB12CD34"}],
                    "PolicyDocument": {
                        "Statement": [
                            _allow("xray:PutTraceSegments", "*"),
                            _allow("s3:GetObject", "arn:aws:s3:::bucket/key"),
                        ]
                    },
                },
            },
        }
    }


def test_wildcards_are_told_with_the_reason_in_the_template() -> None:
    (found,) = grants.wildcards({"Serving": _template({"*": "It knows no resources."})})
    assert found.role == "Serving/ReaderRole"
    assert found.actions == ("xray:PutTraceSegments",)
    assert found.because == "It knows no resources."


def test_a_wildcard_without_a_reason_is_amiss() -> None:
    wildcards = grants.wildcards({"Serving": _template({})})
    assert not grants.compare([], [], wildcards=wildcards, explained=()).clean


@pytest.mark.parametrize(
    "entry",
    [
        'roles = ["*"]\nactions = ["*"]\n',
        'roles = ["*"]\nactions = ["*"]\nbecause = "short"\n',
        'roles = ["*"]\nactions = ["*"]\nbecause = "long enough to be read"\nother = 1\n',
        "roles = [",
    ],
)
def test_a_reason_that_says_nothing_is_refused(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "unused_grants.toml"
    file.write_text(f"[[unused]]\n{entry}")
    with pytest.raises(SettingsInvalid, match=r"unused_grants\.toml"):
        grants.explanations(file)
