"""One SQS queue: messages sent, received and deleted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from visionml.aws.errors import translated


class Waiting(NamedTuple):
    """A message that was received, and is hidden from others for a while."""

    body: str
    handle: str


class Queue:
    """Sends to and reads from a queue with a boto3 SQS client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def send(self, body: str) -> None:
        """Append a message; Unavailable where the queue cannot be reached."""
        with translated(f"write to the queue {self._url}"):
            self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def receive(self, *, hidden_seconds: int) -> Iterator[Waiting]:
        """Yield messages until there are no more; each is hidden from others for a while."""
        while True:
            with translated(f"read the queue {self._url}"):
                found = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=hidden_seconds,
                    WaitTimeSeconds=1,
                ).get("Messages", [])
            if not found:
                return
            yield from (Waiting(each["Body"], each["ReceiptHandle"]) for each in found)

    def release(self, message: Waiting) -> None:
        """Let others see a message again."""
        with translated(f"release a message of the queue {self._url}"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.handle, VisibilityTimeout=0
            )

    def delete(self, message: Waiting) -> None:
        """Delete a message for good."""
        with translated(f"delete a message of the queue {self._url}"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle)

    def depth(self) -> int:
        """Return about how many messages there are, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with translated(f"look at the queue {self._url}"):
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)
