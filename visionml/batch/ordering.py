"""What an execution of the batch machine has to do: whose run it is, and what is left of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from visionml.batch.owning import taken
from visionml.batch.planning import Cut, check_source, planned, remaining
from visionml.batch.store import JSON, Store
from visionml.contracts.batch import (
    BatchGroup,
    BatchPlan,
    BatchRequest,
    BatchSummary,
    summary_key,
    transform_inputs,
    transform_outputs,
)
from visionml.contracts.batch_machine import (
    SCHEDULED,
    BatchStart,
    BatchWork,
    TransformOrder,
    groups_key,
    scheduled,
)
from visionml.contracts.registry import VersionRecord
from visionml.contracts.settings import BatchSettings
from visionml.errors import InvalidInput

_LONGEST_JOB_NAME = 63


class Orders:
    """Takes runs for executions, plans them once, and says which parts are left."""

    def __init__(
        self,
        store: Store,
        *,
        sources: Mapping[str, Sequence[str]],
        settings: BatchSettings,
        running: Callable[[str], bool],
        version: Callable[[str | None], VersionRecord | None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take what a run may read, how it is cut, and three questions.

        Parameters
        ----------
        sources
            Buckets and the prefixes in them; the schedule reads the first bucket.
        running
            Says whether an execution still runs.
        version
            Returns a model version by its name, or without one that in production.
        """
        self._store, self._sources, self._settings = store, sources, settings
        self._running, self._version, self._now = running, version, now

    def work(self, start: BatchStart) -> BatchWork:
        """Return what is left to do for an execution.

        Raises
        ------
        InvalidInput
            The request asks for what runs may not read, or for a model that was cleaned.
        Conflict
            The run was planned for another request.
        NotFound
            A model is needed, and there is none.
        """
        request = self._request(start)
        work = BatchWork(run_id=request.run_id, status="planned", method=request.method)
        store = self._store
        if not taken(request.run_id, start.execution, store=store, running=self._running):
            return work.model_copy(update={"status": "already_running"})
        plan = planned(
            request,
            store=store,
            version=lambda: self._version(request.model_version),
            cut=self._cut(),
            now=self._now(),
        )
        done = set(store.reported(request.run_id))
        left = remaining(plan, done, parts_per_group=self._settings.parts_per_group)
        if not left and self._succeeded(plan):
            return work.model_copy(update={"status": "finished"})
        return self._ordered(work, plan, left, start.execution)

    def _request(self, start: BatchStart) -> BatchRequest:
        if start.given.get("source") == SCHEDULED:
            bucket, method = next(iter(self._sources)), self._settings.method
            request = scheduled(start.given, bucket=bucket, method=method)
            if self._store.is_planned(request.run_id):  # with the settings of then
                return self._store.plan(request.run_id).request
            return request
        request = BatchRequest.model_validate(start.given)
        check_source(request, buckets=self._sources)
        prefixes = self._sources[request.bucket]
        if not request.prefix.startswith(tuple(prefixes)):
            raise InvalidInput(
                f"Batch runs do not read {request.prefix[:100]!r} in {request.bucket}.",
                hint=f"They read what lies below {', '.join(prefixes)}.",
            )
        return request

    def _cut(self) -> Cut:
        settings = self._settings
        return Cut(
            images_per_part=settings.images_per_part,
            parts_per_group=settings.parts_per_group,
            images_per_record=settings.images_per_invocation,
        )

    def _succeeded(self, plan: BatchPlan) -> bool:
        store, key = self._store, summary_key(plan.run_id)
        if not store.objects.exists(store.at(key)):
            return False
        return store.record(BatchSummary, key).outcome == "succeeded"

    def _ordered(
        self, work: BatchWork, plan: BatchPlan, left: Sequence[BatchGroup], execution: str
    ) -> BatchWork:
        facts: dict[str, object] = {"remaining": sum(each.size for each in left)}
        store = self._store
        if len(left) > self._settings.inline_groups:
            facts["groups_key"] = key = groups_key(plan.run_id, execution)
            listed = json.dumps([each.model_dump() for each in left]).encode()
            store.objects.write(store.at(key), listed, content_type=JSON)
        else:
            facts["groups"] = tuple(left)
        if plan.request.method == "transform" and plan.artefact:
            facts["transform"] = TransformOrder(
                job=transform_job(plan.run_id, execution),
                artefact=plan.artefact,
                inputs=store.at(transform_inputs(plan.run_id)),
                outputs=store.at(transform_outputs(plan.run_id)),
            )
        return work.model_copy(update=facts)


def transform_job(run_id: str, execution: str) -> str:
    """Return the name of an execution's transform job: each has one of its own."""
    ending = execution.rpartition(":")[2][-8:].strip("-")
    return f"batch-{run_id}"[: _LONGEST_JOB_NAME - len(ending) - 1].rstrip("-") + f"-{ending}"
