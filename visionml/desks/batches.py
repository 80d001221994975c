"""Batch runs: start one, watch it, go on with it, read its rows."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from visionml.aws import executions
from visionml.aws.batch_jobs import BatchJobs, Job
from visionml.aws.executions import Step
from visionml.aws.s3 import uri
from visionml.batch.owning import Owner
from visionml.batch.store import Store
from visionml.batch.summarising import summary_of
from visionml.contracts.batch import (
    BatchMethod,
    BatchPlan,
    BatchRequest,
    BatchSummary,
    PartReport,
    owner_key,
    report_key,
    summary_key,
)
from visionml.contracts.batch_machine import BATCH_RUNS, DAILY
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.desks.queries import Queries
from visionml.desks.steps import told
from visionml.errors import Conflict, InvalidInput, JobFailed, NotFound

_ROWS = 'SELECT * FROM predictions WHERE "date" = :day AND run_id = :run ORDER BY input_key'
_AT_ONCE = 8
_COLUMNS = ["run", "outcome", "day", "method", "inputs", "results", "failures", "parts", "seconds"]


def new_batch_id(now: datetime | None = None) -> str:
    """Return ``batch-YYYYMMDD-HHMMSS-xxxx``: it sorts by time."""
    return f"batch-{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class BatchOutcome(Card):
    """What came of a run; ``figures`` are what notebooks record."""

    def __init__(self, summary: BatchSummary) -> None:
        reasons = ", ".join(f"{count} x {code}" for code, count in summary.by_reason.items())
        missing = ", ".join(map(str, summary.missing_parts))
        super().__init__(
            f"Batch run {summary.run_id}",
            {
                "outcome": summary.outcome,
                "images": summary.inputs,
                "results": summary.results,
                "recorded failures": f"{summary.failures} ({reasons})" if reasons else "none",
                "lost": self._lost(summary),
                "parts": f"{summary.parts}, missing: {missing or 'none'}",
                "seconds": f"{summary.seconds:.1f}",
                "images a second": f"{summary.images_per_second:.1f}",
            },
        )
        self.summary = summary

    @property
    def figures(self) -> dict[str, int]:
        """The key figures: every input is a result, a failure with its reason, or lost."""
        return {
            "inputs": self.summary.inputs,
            "results": self.summary.results,
            "recorded_failures": self.summary.failures,
            "lost": self._lost(self.summary),
        }

    @staticmethod
    def _lost(summary: BatchSummary) -> int:
        return summary.inputs - summary.results - summary.failures


class BatchRun:
    """One run; everything about it is read from what it leaves in S3."""

    def __init__(self, platform: Platform, run_id: str, *, execution: str | None = None) -> None:
        self._platform, self.run_id = platform, run_id
        self._execution = execution
        self._store = Store(platform.objects, platform.bucket("results"))

    def __repr__(self) -> str:
        return f"<BatchRun {self.run_id}>"

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()

    def watch(self, *, on_step: Callable[[Step], None] | None = None) -> BatchOutcome:
        """Wait until the run has ended, telling its steps, and return what came of it.

        Raises
        ------
        JobFailed
            Parts are missing, or the run could not be planned; `Batches.resume` goes on with it.
        """
        execution = self._execution or self._owner()
        try:
            output = self._watch(execution, on_step)
            if output.get("status") == "already_running":
                self._watch(self._owner(), on_step)
        except JobFailed as error:
            error.hint = f"Go on with it: `visionml batch resume {self.run_id}`."
            raise
        return self.outcome()

    def _watch(self, execution: str, on_step: Callable[[Step], None] | None) -> dict[str, Any]:
        platform = self._platform
        return executions.watch(
            platform.aws.states,
            execution,
            on_step=on_step or told(platform.say),
            interval_seconds=platform.settings.serving.poll_seconds,
        )

    def plan(self) -> BatchPlan:
        """Return what the run reads.

        Raises
        ------
        NotFound
            It is not planned, or not yet.
        """
        return self._store.plan(self.run_id)

    def outcome(self) -> BatchOutcome:
        """Return what came of the run when it was counted last.

        Raises
        ------
        NotFound
            It has not been counted.
        """
        return BatchOutcome(self._store.record(BatchSummary, summary_key(self.run_id)))

    def status(self) -> Card:
        """Return how far the run is."""
        plan = self.plan()
        reports = self._reports()
        sum_ = summary_of(plan, reports, now=datetime.now(UTC))
        execution = self._owner()
        done = sum_.results + sum_.failures
        return Card(
            f"Batch run {self.run_id}",
            {
                "execution": executions.status(self._platform.aws.states, execution) or "unknown",
                "method": plan.request.method,
                "model version": plan.model_version or "that of the endpoint",
                "images": f"{done} of {plan.inputs} done, {sum_.failures} are recorded failures",
                "parts": f"{len(reports)} of {plan.parts} done",
                "planned": f"{plan.created:%Y-%m-%d %H:%M:%S} UTC",
            },
        )

    def parts(self) -> pd.DataFrame:
        """Return the parts that are done, with what each came to."""
        columns = ["part", "inputs", "results", "failures", "seconds", "attempt"]
        rows = [report.model_dump(include=set(columns)) for report in self._reports()]
        return pd.DataFrame(rows, columns=pd.Index(columns)).set_index("part")

    def predictions(self) -> pd.DataFrame:
        """Return the run's rows, asked of Athena: an image each, with its label or its reason."""
        return Queries(self._platform).run(_ROWS, day=self.plan().day, run=self.run_id)

    def jobs(self) -> list[Job]:
        """Return the run's jobs that AWS Batch still remembers, children instead of arrays.

        It remembers them for a day after their end at least.
        """
        batch = BatchJobs(self._platform.aws.client("batch"), self._platform.names.batch)
        found = batch.named(f"batch-{self.run_id}-")
        return [
            child for job in found for child in (batch.children(job) if job.children else [job])
        ]

    def _owner(self) -> str:
        return self._store.record(Owner, owner_key(self.run_id)).execution

    def _reports(self) -> list[PartReport]:
        numbers = sorted(self._store.reported(self.run_id))
        keys = [report_key(self.run_id, number) for number in numbers]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda key: self._store.record(PartReport, key), keys))


class Batches:
    """The batch runs of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @cached_property
    def _store(self) -> Store:
        return Store(self._platform.objects, self._platform.bucket("results"))

    def _repr_html_(self) -> str:
        return str(self.table().to_html())

    def put(self, images: Mapping[str, bytes] | str | Path, *, folder: str | None = None) -> str:
        """Write images into the raw bucket and return their prefix, for `run`.

        Parameters
        ----------
        images
            Contents by their names, or a folder of files.
        folder
            Of the images below ``batch/``; by default today's, which the schedule reads tomorrow.

        Raises
        ------
        NotFound
            There is no such folder, or nothing in it.
        """
        prefix = f"{DAILY}{(folder or f'date={datetime.now(UTC):%Y-%m-%d}').strip('/')}/"
        bucket, objects = self._platform.bucket("raw"), self._platform.objects
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            written = [
                pool.submit(objects.write, uri(bucket, f"{prefix}{name}"), content)
                for name, content in _contents(images)
            ]
            for each in written:
                each.result()
        if not written:
            raise NotFound(f"There are no images in {images}.")
        return prefix

    def run(
        self,
        prefix: str,
        *,
        bucket: str = "raw",
        method: BatchMethod | None = None,
        model_version: str | None = None,
        run_id: str | None = None,
    ) -> BatchRun:
        """Start a run over the images below a prefix of the ``raw`` or the ``images`` bucket.

        The same id and request again is the same run: what is done of it is not done again.

        Raises
        ------
        InvalidInput
            The request contradicts itself.
        Conflict
            The id was used for another request.
        NotFound
            The stacks are not deployed.
        """
        platform = self._platform
        fields = {
            "run_id": run_id or new_batch_id(),
            "bucket": platform.bucket(bucket),
            "prefix": prefix,
            "method": method or platform.settings.batch.method,
            "model_version": model_version,
        }
        try:
            request = BatchRequest.model_validate(fields)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(map(str, fault["loc"]))
            raise InvalidInput(f"That is no batch run: {name}: {fault['msg']}.") from error
        return self._start(request, name=request.run_id)

    def resume(self, run_id: str) -> BatchRun:
        """Go on with a run: its parts without a report run again, and nothing else.

        Raises
        ------
        Conflict
            It is complete.
        NotFound
            There is no plan of such a run.
        """
        plan = self._store.plan(run_id)
        whole = len(set(self._store.reported(run_id))) >= plan.parts
        if whole and self._counted(run_id) == "succeeded":
            raise Conflict(f"The run {run_id} is complete.", hint="Use a new run id.")
        return self._start(plan.request, name=f"{run_id}-{secrets.token_hex(4)}")

    def terminate(self, job: Job, *, reason: str) -> None:
        """End one job of a run: its part is missing then, until the run is gone on with."""
        platform = self._platform
        BatchJobs(platform.aws.client("batch"), platform.names.batch).terminate(
            job.id, reason=reason
        )

    def open(self, run_id: str) -> BatchRun:
        """Return a run by its id.

        Raises
        ------
        NotFound
            There is no plan of such a run.
        """
        self._store.plan(run_id)
        return BatchRun(self._platform, run_id)

    def table(self) -> pd.DataFrame:
        """Return the runs whose plans are kept, the newest first; counted ones with their sums."""
        folders = self._store.objects.folders(self._store.at(BATCH_RUNS))
        runs = [folder.removeprefix(BATCH_RUNS).strip("/") for folder in folders]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = [row for row in pool.map(self._row, runs) if row]
        found.sort(key=lambda row: str(row.pop("created")), reverse=True)
        return pd.DataFrame(found, columns=pd.Index(_COLUMNS)).set_index("run")

    def _row(self, run_id: str) -> dict[str, Any] | None:
        try:
            plan = self._store.plan(run_id)
        except NotFound:
            return None
        row = {"run": run_id, "created": plan.created, "day": plan.day}
        row |= {"method": plan.request.method, "inputs": plan.inputs, "parts": plan.parts}
        try:
            summary = self._store.record(BatchSummary, summary_key(run_id))
        except NotFound:
            return {**row, "outcome": "not counted"}
        return {**row, **summary.model_dump(include=set(_COLUMNS))}

    def _counted(self, run_id: str) -> str | None:
        try:
            return self._store.record(BatchSummary, summary_key(run_id)).outcome
        except NotFound:
            return None

    def _start(self, request: BatchRequest, *, name: str) -> BatchRun:
        platform = self._platform
        execution = executions.start(
            platform.aws.states,
            platform.machine(platform.names.batch),
            name=name,
            payload=request.model_dump(mode="json"),
        )
        return BatchRun(platform, request.run_id, execution=execution)


def _contents(images: Mapping[str, bytes] | str | Path) -> Iterable[tuple[str, bytes]]:
    if isinstance(images, Mapping):
        return images.items()
    return _files(Path(images))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
