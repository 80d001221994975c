"""Records written to a Kinesis stream."""

from typing import Any

from visionml.aws.errors import translated


def put(client: Any, stream: str, content: bytes, *, key: str) -> None:
    """Append a record with a boto3 Kinesis client; records of the same `key` keep their order.

    Raises
    ------
    Unavailable
        The stream is throttled or cannot be reached.
    """
    with translated(f"write to the stream {stream}"):
        client.put_record(StreamName=stream, Data=content, PartitionKey=key)
