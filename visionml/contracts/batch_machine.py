"""What the batch machine and its functions tell each other."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from visionml.contracts.batch import (
    BatchGroup,
    BatchMethod,
    BatchRequest,
    BatchRunId,
    batch_folder,
)
from visionml.contracts.detector import FOLDERS
from visionml.contracts.layout import ACCEPTED

BATCH_RUNS = "runs/batch/"
"""The prefix in the results bucket of what runs leave beside their rows."""
DAILY = "batch/"
"""The prefix in the raw bucket of images that the schedule has predicted."""
SOURCES: dict[str, tuple[str, ...]] = {
    "raw": (DAILY, "images/"),
    "images": (ACCEPTED, *sorted(FOLDERS.values())),
}
"""What runs may read: buckets, and prefixes in them."""
SCHEDULED = "aws.events"
"""The source of the events of a schedule."""
INCOMPLETE = "BatchIncomplete"
"""The error of an execution that leaves parts missing."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class BatchStart(_Record):
    """What the planner is asked."""

    given: dict[str, Any]
    """The machine's input: a ``BatchRequest``, or the event of a schedule."""
    execution: str
    """The ARN of the execution that asks."""


class TransformOrder(_Record):
    """The transform job of an execution, where a run is one."""

    job: str
    """Its name, and that of the model that is made for it."""
    artefact: str
    """``s3://`` address of the model's ``model.tar.gz``."""
    inputs: str
    """``s3://`` prefix of its records."""
    outputs: str


class BatchWork(_Record):
    """What the planner answers: what is left to do of a run."""

    run_id: BatchRunId
    status: Literal["planned", "already_running", "finished"]
    """Finished is a run whose every part was done, and told of, before."""
    method: BatchMethod
    remaining: int = 0
    """Parts without a report."""
    groups: tuple[BatchGroup, ...] = ()
    """Of those parts, in one list."""
    groups_key: str = ""
    """Or where the list lies in the results bucket, if it is too long."""
    transform: TransformOrder | None = None


class BatchEnd(_Record):
    """What the summariser is asked."""

    run_id: BatchRunId


def daily_prefix(day: str) -> str:
    """Return the prefix in the raw bucket of a day's images, such as of ``2026-11-20``."""
    return f"{DAILY}date={day}/"


def groups_key(run_id: str, execution: str) -> str:
    """Return the key of the list of groups that an execution has to run."""
    return f"{batch_folder(run_id)}groups/{execution.rpartition(':')[2]}.json"


def scheduled(event: dict[str, Any], *, bucket: str, method: BatchMethod) -> BatchRequest:
    """Return the request of a schedule's event: the images of the day before.

    Two events of a day are the same run.
    """
    moment = datetime.fromisoformat(str(event["time"]))
    day = (moment.astimezone(UTC) - timedelta(days=1)).date().isoformat()
    return BatchRequest(
        run_id=f"scheduled-{day}", bucket=bucket, prefix=daily_prefix(day), method=method
    )
