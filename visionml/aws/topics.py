"""Notifications to people, on SNS topics."""

from typing import TYPE_CHECKING

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 99


def announce(sns: "SNSClient", topic_arn: str, *, subject: str, message: str) -> None:
    """Publish to a topic; a subject that is too long for SNS is cut."""
    with translated(f"publish to the topic {topic_arn}"):
        sns.publish(TopicArn=topic_arn, Subject=subject[:_LONGEST_SUBJECT], Message=message)
