"""Lines of CloudWatch Logs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"

_STREAMS_A_CALL = 100


class Line(NamedTuple):
    """One log line, without its line end."""

    time: datetime
    stream: str
    text: str


def lines(
    logs: "CloudWatchLogsClient", group: str, *, stream_prefix: str = "", pattern: str = ""
) -> Iterator[Line]:
    """Yield the lines of the streams with a prefix, oldest first.

    A job's streams start with ``JOB-NAME/``. `pattern` is a CloudWatch Logs filter pattern.

    Raises
    ------
    NotFound
        There is no such log group: nothing has written to it yet.
    """
    found = streams(logs, group, prefix=stream_prefix)
    for start in range(0, len(found), _STREAMS_A_CALL):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            logStreamNames=found[start : start + _STREAMS_A_CALL],
            filterPattern=pattern,
        )
        with translated(f"read the log group {group}"):
            for page in pages:
                for event in page["events"]:
                    yield _line(event["logStreamName"], event["timestamp"], event["message"])


def tail(
    logs: "CloudWatchLogsClient", group: str, *, stream_prefix: str, count: int = 20
) -> list[Line]:
    """Return the last `count` lines of the streams with a prefix."""
    last = []
    for stream in streams(logs, group, prefix=stream_prefix):
        with translated(f"read the log group {group}"):
            page = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=count)
        last += [_line(stream, event["timestamp"], event["message"]) for event in page["events"]]
    return sorted(last, key=lambda line: line.time)[-count:]


def streams(logs: "CloudWatchLogsClient", group: str, *, prefix: str = "") -> list[str]:
    """Return the names of a group's streams that start with `prefix`."""
    options = {"logStreamNamePrefix": prefix} if prefix else {}
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group,
        **options,  # type: ignore[arg-type]
    )
    with translated(f"list the streams of the log group {group}"):
        return [found["logStreamName"] for page in pages for found in page["logStreams"]]


def _line(stream: str, milliseconds: int, message: str) -> Line:
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return Line(moment, stream, message.rstrip("\r\n"))
