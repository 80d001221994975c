"""What a batch run is asked, plans, leaves behind and tells.

Everything of a run lies below ``runs/batch/{run}/`` in the bucket ``results``:

====================  ===========================================================
``owner.json``        which execution has the run
``inputs/{part}``     what is to be read, one JSON object a line
``transform/in/``     the same as a transform job's records; its answers in ``transform/out/``
``plan.json``         written after all inputs: a plan that is there is complete
``parts/{part}``      written last of a part: a part with a report is done
``summary.json``      what came of all of them
====================  ===========================================================

Rows lie where `visionml.contracts.tables` says, one file a part and model version.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from visionml.contracts.tables import PREDICTIONS, predictions_folder

BatchMethod = Literal["endpoint", "model", "transform"]
"""Who predicts: the endpoint, the job itself, or a transform job of SageMaker."""
BatchRunId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

LARGEST_ARRAY = 10_000
"""Children of an array job: docs.aws.amazon.com/batch/latest/userguide/service_limits.html."""
NO_VERSION = "none"
"""The folder of failures where nobody knows which model was to answer."""

EXIT_DONE = 0
EXIT_WRONG = 2
"""The arguments, the plan or the model are wrong: trying again does not help."""
EXIT_BUSY = 75
"""Something is busy or down for too long (EX_TEMPFAIL of sysexits.h): try again."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchRequest(_Record):
    """The batch machine's input."""

    run_id: BatchRunId
    """The same id is the same run: what is done of it is not done again."""
    bucket: str
    """Its physical name."""
    prefix: Annotated[str, Field(min_length=1)]
    method: BatchMethod = "endpoint"
    model_version: str | None = None
    """For ``model`` and ``transform``; None is the version in production."""


class BatchInput(_Record):
    """One image to be read: a line of a part's inputs."""

    key: str
    etag: str
    """With its quotes, as S3 gives it."""
    bytes: int
    version_id: str | None = None
    """Where it is known, that version is read; otherwise what has changed since is refused."""


class BatchGroup(_Record):
    """Neighbouring parts, which are one array job, or a plain one where there is one."""

    first: int
    size: Annotated[int, Field(ge=1, le=LARGEST_ARRAY)]


class BatchPlan(_Record):
    """What a run will read; it never changes once it is written."""

    run_id: BatchRunId
    request: BatchRequest
    day: str
    """Of the rows, in UTC: ``2026-11-20``."""
    model_version: str | None
    """What was in production when this was planned, or was asked for."""
    artefact: str | None = None
    """``s3://`` address of that version's ``model.tar.gz``."""
    created: datetime
    inputs: int
    parts: int
    groups: tuple[BatchGroup, ...]


class PartReport(_Record):
    """How one part ended."""

    part: int
    inputs: int
    results: int
    failures: int
    by_reason: dict[str, int] = {}
    """Failures by the code of their reason."""
    files: tuple[str, ...]
    """Keys in the results bucket."""
    seconds: float
    attempt: int
    """From 1."""


class BatchSummary(_Record):
    """What came of a run, and the detail of ``Batch Finished``."""

    run_id: BatchRunId
    outcome: Literal["succeeded", "failed"]
    """Failed where a part is missing; images that cannot be read do not fail a run."""
    day: str
    method: BatchMethod
    inputs: int
    results: int
    failures: int
    by_reason: dict[str, int]
    parts: int
    missing_parts: tuple[int, ...]
    """The first hundred of them."""
    seconds: float
    """From the plan to now."""
    images_per_second: float


def batch_folder(run_id: str) -> str:
    """Return the prefix in the results bucket of everything of a run but its rows."""
    return f"runs/batch/{run_id}/"


def owner_key(run_id: str) -> str:
    """Return the key of the record of who has a run."""
    return f"{batch_folder(run_id)}owner.json"


def plan_key(run_id: str) -> str:
    """Return the key of a run's plan."""
    return f"{batch_folder(run_id)}plan.json"


def inputs_key(run_id: str, part: int) -> str:
    """Return the key of what a part reads."""
    return f"{batch_folder(run_id)}inputs/{part:05}.jsonl"


def transform_inputs(run_id: str) -> str:
    """Return the prefix of the records that a transform job is given."""
    return f"{batch_folder(run_id)}transform/in/"


def transform_outputs(run_id: str) -> str:
    """Return the prefix of a transform job's answers, without a final slash."""
    return f"{batch_folder(run_id)}transform/out"


def transform_input_key(run_id: str, part: int) -> str:
    """Return the key of a part's records for a transform job."""
    return f"{transform_inputs(run_id)}{part:05}.jsonl"


def transform_output_key(run_id: str, part: int) -> str:
    """Return the key of a transform job's answers to a part."""
    return f"{transform_outputs(run_id)}/{part:05}.jsonl.out"


def reports_folder(run_id: str) -> str:
    """Return the prefix of the reports of a run's parts."""
    return f"{batch_folder(run_id)}parts/"


def report_key(run_id: str, part: int) -> str:
    """Return the key of a part's report."""
    return f"{reports_folder(run_id)}{part:05}.json"


def part_of(key: str) -> int | None:
    """Return the part whose report lies at a key, or None for another key."""
    found = re.fullmatch(r".*/parts/(\d{5,})\.json", key)
    return int(found[1]) if found else None


def summary_key(run_id: str) -> str:
    """Return the key of a run's summary."""
    return f"{batch_folder(run_id)}summary.json"


def rows_file(run_id: str, part: int) -> str:
    """Return the name of a part's file of rows, the same below every model version."""
    return f"{run_id}-{part:05}.parquet"


def rows_key(plan: BatchPlan, part: int, model_version: str) -> str:
    """Return the key of a part's rows that a model version answered."""
    return f"{predictions_folder(plan.day, model_version)}{rows_file(plan.run_id, part)}"


def rows_day(plan: BatchPlan) -> str:
    """Return the prefix of the rows of a plan's day, of all runs and versions."""
    return PREDICTIONS.folder(plan.day)


def prediction_id(run_id: str, key: str) -> str:
    """Return the id of an image's prediction in a run: the same in every attempt.

    >>> prediction_id("r-1", "batch/a.jpg")
    'fef006f1001df96046092aa9a63e004a'
    """
    return hashlib.sha256(f"{run_id}\0{key}".encode()).hexdigest()[:32]
