"""A queue that hears a topic and a source of events while a context lasts, and is then removed."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.errors import Unavailable

_LONG_POLL_SECONDS = 2

EVENT_RESOLUTION = timedelta(seconds=1)
"""EventBridge tells in which second an event was sent, not when in it."""


class Message(NamedTuple):
    """One event, or one notification as a subscriber of the topic gets it."""

    origin: Literal["event", "notification"]
    sent: datetime
    title: str
    """The event's detail type, or the notification's subject."""
    body: Any
    """The event's detail; the notification's message, parsed where it is JSON."""


class Mailbox:
    """What has arrived in the queue."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url
        self.messages: list[Message] = []

    def wait(self, until: Callable[[Sequence[Message]], bool], *, seconds: float) -> None:
        """Take messages until something is true of all that have arrived.

        Raises
        ------
        Unavailable
            It was not, within `seconds`.
        """
        give_up = time.monotonic() + seconds
        while not until(self.messages):
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"What was waited for is not among {len(self.messages)} messages "
                    f"after {seconds:g} seconds.",
                    hint="Look at the topic's subscriptions and at the rule's metrics.",
                )
            self._take()

    def _take(self) -> None:
        with translated("receive messages"):
            found = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=_LONG_POLL_SECONDS
            ).get("Messages", [])
            for message in found:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        self.messages += [read(json.loads(message["Body"])) for message in found]


def read(body: Mapping[str, Any]) -> Message:
    """Return what one message of the queue holds."""
    if "detail-type" in body:
        return Message("event", _moment(body["time"]), body["detail-type"], body["detail"])
    text = str(body.get("Message", ""))
    try:
        said = json.loads(text)
    except ValueError:
        said = text
    return Message("notification", _moment(body["Timestamp"]), str(body.get("Subject") or ""), said)


@contextmanager
def mailbox(aws: Aws, name: str, *, topic: str, source: str) -> Iterator[Mailbox]:
    """Hear the notifications of the topic `topic` and all events of `source` on the default bus.

    `name` begins the names of the queue and the rule, which are removed in any case.
    """
    name, removals = f"{name}-{secrets.token_hex(4)}", ExitStack()
    sqs: Any = aws.client("sqs")
    try:
        with translated(f"set up the queue {name}"):
            url = _set_up(aws, sqs, name, topic=topic, source=source, removals=removals)
        yield Mailbox(sqs, url)
    finally:
        with translated(f"remove the queue {name}"):
            removals.close()


def _set_up(aws: Aws, sqs: Any, name: str, *, topic: str, source: str, removals: ExitStack) -> str:
    here = f"{aws.region}:{aws.account}"
    topic_arn, rule_arn = f"arn:aws:sns:{here}:{topic}", f"arn:aws:events:{here}:rule/{name}"
    queue_arn = f"arn:aws:sqs:{here}:{name}"
    policy = _policy(queue_arn, (topic_arn, rule_arn))
    url: str = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    removals.callback(sqs.delete_queue, QueueUrl=url)
    subscription = aws.sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, ReturnSubscriptionArn=True
    )
    removals.callback(aws.sns.unsubscribe, SubscriptionArn=subscription["SubscriptionArn"])
    aws.events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    removals.callback(aws.events.delete_rule, Name=name)
    aws.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    removals.callback(aws.events.remove_targets, Rule=name, Ids=["queue"])
    return url


def _policy(queue_arn: str, sources: Sequence[str]) -> str:
    services = ("sns.amazonaws.com", "events.amazonaws.com")
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": source}},
                }
                for service, source in zip(services, sources, strict=True)
            ],
        }
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
