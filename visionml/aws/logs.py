"""Lines of CloudWatch Logs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"


class Line(NamedTuple):
    """One log line, without its line end."""

    time: datetime
    stream: str
    text: str


def lines(
    logs: "CloudWatchLogsClient", group: str, *, stream_prefix: str = "", pattern: str = ""
) -> Iterator[Line]:
    """Yield the lines of a log group, oldest first.

    A job's stream starts with ``JOB-NAME/``. `pattern` is a CloudWatch Logs filter pattern.

    Raises
    ------
    NotFound
        There is no such log group: nothing has written to it yet.
    """
    filters = {"logStreamNamePrefix": stream_prefix, "filterPattern": pattern}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        **{name: value for name, value in filters.items() if value},  # type: ignore[arg-type]
    )
    with translated(f"read the log group {group}"):
        for page in pages:
            for event in page["events"]:
                moment = datetime.fromtimestamp(event["timestamp"] / 1000, tz=UTC)
                yield Line(moment, event["logStreamName"], event["message"].rstrip("\r\n"))


def tail(
    logs: "CloudWatchLogsClient", group: str, *, stream_prefix: str, count: int = 20
) -> list[Line]:
    """Return the last `count` lines of the streams with a prefix."""
    return list(lines(logs, group, stream_prefix=stream_prefix))[-count:]
