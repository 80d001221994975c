"""What a deployment would change, on templates of a few resources."""

import copy
from typing import Any

import pytest

from visionml.cdk.differences import Difference, between

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Ref": "Bucket"}}
OLD: dict[str, Any] = {
    "Resources": {
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "intake", "VisibilityTimeout": 60},
            "Metadata": {"path": "a"},
        },
        "Policy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {"PolicyDocument": {"Statement": [STATEMENT]}},
        },
    }
}


def changed(**resources: Any) -> list[Difference]:
    new = copy.deepcopy(OLD)
    new["Resources"] |= resources
    return list(between({"Stack": OLD}, {"Stack": new}))


def queue(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": "intake", "VisibilityTimeout": 60, **properties},
    }


def policy(*statements: Any) -> dict[str, Any]:
    document = {"Statement": list(statements)}
    return {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": document}}


def test_the_same_templates_differ_in_nothing() -> None:
    assert changed() == []


def test_metadata_is_no_difference() -> None:
    assert changed(Queue={**OLD["Resources"]["Queue"], "Metadata": {"path": "b"}}) == []


def test_a_property_that_can_change_is_an_update() -> None:
    (found,) = changed(Queue=queue(VisibilityTimeout=90))
    assert (found.kind, found.resource, found.what) == ("updated", "Queue", "VisibilityTimeout")


def test_another_name_is_another_resource() -> None:
    (found,) = changed(Queue=queue(QueueName="other"))
    assert (found.kind, found.what) == ("replaced", "QueueName")


def test_another_type_is_another_resource() -> None:
    (found,) = changed(Queue={"Type": "AWS::SNS::Topic", "Properties": {}})
    assert found.kind == "replaced"


@pytest.mark.parametrize(("properties", "kind"), [("Image", "replaced"), ("Tags", "updated")])
def test_of_some_types_nothing_but_tags_can_change(properties: str, kind: str) -> None:
    def model(value: str) -> Any:
        model = {"Type": "AWS::SageMaker::Model", "Properties": {properties: value}}
        return {"Stack": {"Resources": {"Model": model}}}

    (found,) = between(model("a"), model("b"))
    assert found.kind == kind


def test_what_is_new_is_added_and_what_is_gone_removed() -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {}}
    (found,) = changed(Topic=topic)
    assert (found.kind, found.stack, found.resource, found.type) == (
        "added",
        "Stack",
        "Topic",
        "AWS::SNS::Topic",
    )
    found, _ = between({"Stack": OLD}, {"Stack": {"Resources": {}}})
    assert (found.kind, found.what) == ("removed", "deleted")


def test_what_is_retained_is_said_to_stay() -> None:
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {}}
    (found,) = between({"Stack": {"Resources": {"Table": table}}}, {"Stack": {"Resources": {}}})
    assert found.what == "the stack forgets it; it stays"


def test_a_stack_that_does_not_stand_is_added_whole() -> None:
    kinds = [each.kind for each in between({"Stack": {}}, {"Stack": OLD})]
    assert kinds == ["added", "added", "permissions widened"]


def test_a_new_action_widens_permissions() -> None:
    wider = {**STATEMENT, "Action": ["s3:GetObject", "s3:PutObject"]}
    updated, widened = changed(Policy=policy(wider))
    assert updated.kind == "updated"
    assert (widened.kind, widened.what) == ("permissions widened", "s3:PutObject on <Bucket>")


def test_another_resource_or_a_lost_condition_widens_permissions() -> None:
    anywhere = {**STATEMENT, "Resource": "*"}
    assert [each.what for each in changed(Policy=policy(anywhere))][1:] == ["s3:GetObject on *"]
    bound = {**STATEMENT, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    old = {"Stack": {"Resources": {"Policy": policy(bound)}}}
    new = {"Stack": {"Resources": {"Policy": policy(STATEMENT)}}}
    kinds = [each.kind for each in between(old, new)]
    assert kinds == ["updated", "permissions widened"]


def test_less_is_allowed_without_being_called_wider() -> None:
    assert [each.kind for each in changed(Policy=policy())] == ["updated"]
    denied = {**STATEMENT, "Effect": "Deny"}
    assert [each.kind for each in changed(Policy=policy(STATEMENT, denied))] == ["updated"]


def test_who_may_call_a_function_and_which_traffic_passes_are_permissions() -> None:
    call = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {"FunctionName": {"Ref": "It"}, "Principal": "events.amazonaws.com"},
    }
    traffic = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"SecurityGroupEgress": [{"CidrIp": "0.0.0.0/0"}]},
    }
    widened = [each.what for each in changed(Call=call, Group=traffic) if each.kind != "added"]
    assert widened == [
        "events.amazonaws.com may call <It>",
        'SecurityGroupEgress: {"CidrIp": "0.0.0.0/0"}',
    ]
