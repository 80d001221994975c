"""Every alarm, driven over its threshold: it rings, people are told, and told of its end, too."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.platform import Deployed
from tests.functional.waiting import until
from visionml.aws.session import Aws

STACK = "driven"
MUCH = 1e9
Alarm = dict[str, Any]


@pytest.fixture(scope="module")
def told(aws: Aws) -> Iterator[tuple[str, Any]]:
    """A topic of this test's own, and what was said on it: alarm and state."""
    sqs = aws.client("sqs")
    topic = aws.sns.create_topic(Name=STACK)["TopicArn"]
    url = sqs.create_queue(QueueName=STACK)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    heard: set[tuple[str, str]] = set()

    def listen() -> set[tuple[str, str]]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                said = json.loads(json.loads(each["Body"])["Message"])
                heard.add((said["AlarmName"], said["NewStateValue"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return heard

    yield topic, listen
    aws.sns.delete_topic(TopicArn=topic)


@pytest.fixture(scope="module")
def alarms(platform: Deployed, aws: Aws, told: tuple[str, Any]) -> Iterator[list[Alarm]]:
    """Copies of all deployed alarms that watch metrics which nothing else publishes."""
    names = platform.session.names
    template = aws.cloudformation.get_template(StackName=names.stack("monitoring"))["TemplateBody"]
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    resources = {
        logical_id: _copy(resource, topic=told[0])
        for logical_id, resource in dict(template)["Resources"].items()
        if resource["Type"] in kinds
    }
    aws.cloudformation.create_stack(
        StackName=STACK, TemplateBody=json.dumps({"Resources": resources})
    )
    aws.cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    yield [each["Properties"] for each in resources.values()]
    aws.cloudformation.delete_stack(StackName=STACK)
    aws.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def _copy(resource: dict[str, Any], *, topic: str) -> dict[str, Any]:
    properties = {**resource["Properties"], "AlarmActions": [topic], "OKActions": [topic]}
    properties["AlarmName"] = f"{STACK}-{properties['AlarmName']}"
    properties.pop("Tags", None)
    for metric in _metrics(properties):
        metric["Namespace"] = f"Driven/{metric['Namespace']}"
        metric["Dimensions"] = [{"Name": "of", "Value": "driven"}]
    return {"Type": resource["Type"], "Properties": properties}


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    """Return what an alarm watches, each with its namespace, name and dimensions."""
    if "MetricName" in alarm:
        return [alarm]
    return [
        each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each
    ]


def _period(alarm: Alarm) -> int:
    periods = [
        each["MetricStat"]["Period"] for each in alarm.get("Metrics", ()) if "MetricStat" in each
    ]
    return int(alarm.get("Period") or max(periods))


def _data(alarm: Alarm) -> list[tuple[str, dict[str, Any]]]:
    """Return figures beyond the alarm's threshold, one for each period that it looks at."""
    below = str(alarm["ComparisonOperator"]).startswith("LessThan")
    now, period = datetime.now(UTC), _period(alarm)
    return [
        (
            metric["Namespace"],
            {
                "MetricName": metric["MetricName"],
                "Dimensions": metric["Dimensions"],
                "Timestamp": now - timedelta(seconds=number * period + min(5, period / 2)),
                "Value": 0.0 if below else MUCH,
                "StorageResolution": 1,
            },
        )
        for metric in _metrics(alarm)
        for number in range(int(alarm["EvaluationPeriods"]))
    ]


def test_every_alarm_rings_beyond_its_threshold_and_people_are_told(
    aws: Aws, alarms: list[Alarm], told: tuple[str, Any]
) -> None:
    every = {alarm["AlarmName"] for alarm in alarms}
    single = [alarm for alarm in alarms if "AlarmRule" not in alarm]
    assert len(every) > 30
    assert len(single) == len(every) - 1
    listen = told[1]

    def missing() -> set[str]:
        return every - {name for name, state in listen() if state == "ALARM"}

    deadline = time.monotonic() + 120
    while left := missing():
        for alarm in [each for each in single if each["AlarmName"] in left]:
            for namespace, datum in _data(alarm):
                aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])  # type: ignore[list-item]
        assert time.monotonic() < deadline, sorted(left)
        time.sleep(1)


def test_people_are_told_when_it_is_over(
    aws: Aws, alarms: list[Alarm], told: tuple[str, Any]
) -> None:
    """The alarms of short periods end by themselves; the one of users ends with its own."""
    short = {alarm["AlarmName"] for alarm in alarms if "rollback" in alarm["AlarmName"]}
    listen = told[1]
    until(lambda: short <= {name for name, state in listen() if state == "OK"})
