"""Back to an earlier version: by the command, by active-version, and with the registry gone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from visionml.aws.parameters import Parameters
from visionml.aws.session import Aws


@pytest.fixture
def changes(aws: Aws) -> Iterator[Any]:
    """What EventBridge tells of changes below ``/told``."""
    sqs, events = aws.client("sqs"), aws.events
    queue = sqs.create_queue(QueueName="told-of-parameters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": [{"prefix": "/told/"}]},
    }
    events.put_rule(Name="told-of-parameters", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="told-of-parameters", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])

    def taken() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    yield taken
    events.remove_targets(Rule="told-of-parameters", Ids=["queue"])
    events.delete_rule(Name="told-of-parameters")
    sqs.delete_queue(QueueUrl=queue)


def test_each_change_of_a_parameter_is_an_event(aws: Aws, changes: Any) -> None:
    store = Parameters(aws.parameters)
    store.put("/told/one", "a")
    store.put("/told/one", "b")
    store.delete("/told/one")
    store.delete("/told/one")
    told = changes()
    assert [event["detail"]["operation"] for event in told] == ["Create", "Update", "Delete"]
    assert {event["detail"]["name"] for event in told} == {"/told/one"}
    assert told[0]["resources"] == [f"arn:aws:ssm:{aws.region}:{aws.account}:parameter/told/one"]
